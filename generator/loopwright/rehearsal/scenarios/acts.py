"""What a person does in a scenario: asks for a retraining, approves, rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from loopwright.rehearsal.rehearsal import Rehearsal

__all__ = ["approve_copy", "ask", "asked_at", "reject"]


def ask(rehearsal: Rehearsal) -> None:
    """Wake the controller as a person does who wants a retraining."""
    rehearsal.chronicle.note("person", "approved", "a person asks for a retraining")
    node = rehearsal.stack.functions["controller"]
    rehearsal.cloud.functions.invoke(rehearsal.stack.arn(node), {"reason": "manual"})


def asked_at(rehearsal: Rehearsal, moments: Sequence[datetime]) -> None:
    """Plan that a person asks at some moments."""
    for moment in moments:
        rehearsal.cloud.clock.at(moment, lambda: ask(rehearsal))


def approve_copy(rehearsal: Rehearsal) -> None:
    """Register the newest approved model once more, approved by a person: a version that has to be rolled out."""
    newest = next(_approved(rehearsal), None)
    if newest is None:
        return
    kept = ("InferenceSpecification", "CustomerMetadataProperties")
    package = {name: newest[name] for name in kept if name in newest}
    marks = {k: v for k, v in package.get("CustomerMetadataProperties", {}).items() if not k.startswith("deploy")}
    rehearsal.cloud.registry.create_model_package(
        ModelPackageGroupName=newest["ModelPackageGroupName"],
        ModelApprovalStatus="Approved",
        **package | {"CustomerMetadataProperties": marks},
    )


def reject(rehearsal: Rehearsal, version: int) -> None:
    """Reject a version."""
    for package in _approved(rehearsal):
        if package["ModelPackageVersion"] == version:
            rehearsal.cloud.registry.update_model_package(
                ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Rejected"
            )


def _approved(rehearsal: Rehearsal) -> Iterator[dict[str, Any]]:
    """Yield the approved versions, the newest first."""
    registry = rehearsal.cloud.registry
    for node in rehearsal.stack.of("model-package-group"):
        found = registry.list_model_packages(
            ModelPackageGroupName=rehearsal.stack.name(node),
            ModelApprovalStatus="Approved",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=100,
        )
        for each in found["ModelPackageSummaryList"]:
            yield registry.describe_model_package(ModelPackageName=each["ModelPackageArn"])

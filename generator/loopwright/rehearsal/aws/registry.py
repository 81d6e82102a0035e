"""The model registry: groups, and in each its versions, with what is decided and noted about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.requests import Answer, Request, given, invalid, listed, operation, unknown
from loopwright.rehearsal.aws.source import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loopwright.rehearsal.aws.source import Source

__all__ = ["Registry"]

EVENT = "SageMaker Model Package State Change"
PENDING = "PendingManualApproval"
MOST_MARKS = 50
_KEPT = (
    *("ModelPackageDescription", "InferenceSpecification", "ModelMetrics", "MetadataProperties", "Domain", "Task"),
    *("CustomerMetadataProperties", "DriftCheckBaselines", "SourceUri", "SkipModelValidation", "SamplePayloadUrl"),
)
_CHANGED = ("ModelApprovalStatus", "ApprovalDescription")
_SUMMARY = (
    *("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription"),
    *("CreationTime", "ModelPackageStatus", "ModelApprovalStatus"),
)


class Registry:
    """The model package groups of an account, with versioned packages alone.

    It follows the API reference ("CreateModelPackage", "UpdateModelPackage", "ListModelPackages") and the SageMaker
    guide ("Model Registration Deployment with Model Registry"). A version is Completed at once, since there is nothing
    to validate. Every change is told, also one of the metadata alone: AWS does not say which updates it tells of. The
    event names the fields that changed.

    Args:
        source: Names, times and events.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._groups: dict[str, Answer] = {}
        self._versions: dict[str, dict[int, Answer]] = {}

    @operation("CreateModelPackageGroup", "ModelPackageGroupName", "ModelPackageGroupDescription", "Tags")
    def create_model_package_group(self, request: Request) -> Answer:
        """Make an empty group; its name must be new."""
        name, asked = request["ModelPackageGroupName"], "CreateModelPackageGroup"
        arn = self._source.arn(f"model-package-group/{name}")
        if name in self._groups:
            raise invalid(asked, f"Model Package Group already exists: {arn}")
        self._groups[name] = given(
            ModelPackageGroupName=name,
            ModelPackageGroupArn=arn,
            ModelPackageGroupDescription=request.get("ModelPackageGroupDescription"),
            CreationTime=self._source.clock.now,
            CreatedBy={},
            ModelPackageGroupStatus="Completed",
        )
        self._versions[name] = {}
        return {"ModelPackageGroupArn": arn}

    @operation("DescribeModelPackageGroup", "ModelPackageGroupName")
    def describe_model_package_group(self, request: Request) -> Answer:
        """Return a group."""
        return self._groups[self._group(request, "DescribeModelPackageGroup")]

    @operation("CreateModelPackage", "ModelPackageGroupName", "ModelApprovalStatus", "Tags", *_KEPT)
    def create_model_package(self, request: Request) -> Answer:
        """Register the next version of a group; the versions of a group count from 1.

        Without a status it waits for approval, as one that is not Approved cannot be deployed anyway.
        """
        if "ModelPackageGroupName" not in request or "InferenceSpecification" not in request:
            raise unknown("a model package without a group and an inference specification")
        group = self._group(request, "CreateModelPackage")
        versions = self._versions[group]
        number = max(versions, default=0) + 1
        arn = self._source.arn(f"model-package/{group}/{number}")
        versions[number] = {
            "ModelPackageGroupName": group,
            "ModelPackageVersion": number,
            "ModelPackageArn": arn,
            "CreationTime": self._source.clock.now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": False,
            "ModelApprovalStatus": request.get("ModelApprovalStatus", PENDING),
            **{key: request[key] for key in _KEPT if key in request},
        }
        self._tell(versions[number], ())
        return {"ModelPackageArn": arn}

    @operation("DescribeModelPackage", "ModelPackageName")
    def describe_model_package(self, request: Request) -> Answer:
        """Return a version, which is named by its ARN."""
        package = self._package(request["ModelPackageName"], "DescribeModelPackage")
        return {"ModelPackageName": package["ModelPackageGroupName"], **package}

    @operation(
        "ListModelPackages",
        *("ModelPackageGroupName", "ModelApprovalStatus", "SortBy", "SortOrder", "MaxResults", "NextToken"),
    )
    def list_model_packages(self, request: Request) -> Answer:
        """Return a page of a group's versions by creation time, ascending unless asked otherwise."""
        asked = "ListModelPackages"
        if "ModelPackageGroupName" not in request:
            raise unknown(f"{asked} without a group")
        wanted = request.get("ModelApprovalStatus")
        fit = [
            {key: package[key] for key in _SUMMARY if key in package}
            for package in self._versions[self._group(request, asked)].values()
            if wanted in {None, package["ModelApprovalStatus"]}
        ]
        found, more = listed(asked, fit, request, order="Ascending")
        return {"ModelPackageSummaryList": found, **more}

    @operation(
        "UpdateModelPackage",
        *("ModelPackageArn", "CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove", *_CHANGED),
    )
    def update_model_package(self, request: Request) -> Answer:
        """Change a version's approval and metadata.

        What is not named stays, metadata by metadata: there is a member for those to remove. Together they are at
        most 50, of 128 and 256 characters ("UpdateModelPackage").
        """
        asked = "UpdateModelPackage"
        package = self._package(request["ModelPackageArn"], asked)
        marks = _marks(package, request)
        if len(marks) > MOST_MARKS:
            raise invalid(asked, f"CustomerMetadataProperties has {len(marks)} entries, and {MOST_MARKS} is the most")
        old = dict(package)
        package.pop("CustomerMetadataProperties", None)
        package |= {key: request[key] for key in _CHANGED if key in request}
        package |= {"CustomerMetadataProperties": marks} if marks else {}
        package["LastModifiedTime"] = self._source.clock.now
        fields = (*_CHANGED, "CustomerMetadataProperties")
        if changed := [key for key in fields if old.get(key) != package.get(key)]:
            self._tell(package, changed)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _group(self, request: Request, asked: str) -> str:
        """Return the name of a group that is named by it, or by its ARN."""
        name = str(request["ModelPackageGroupName"])
        groups = self._groups.items()
        found = next((each for each, group in groups if name in {each, group["ModelPackageGroupArn"]}), None)
        if found is None:
            raise invalid(asked, f"ModelPackageGroup {name} does not exist.")
        return found

    def _package(self, arn: str, asked: str) -> Answer:
        every = (package for versions in self._versions.values() for package in versions.values())
        found = next((package for package in every if package["ModelPackageArn"] == arn), None)
        if found is None:
            raise invalid(asked, f"ModelPackage {arn} does not exist.")
        return found

    def _tell(self, package: Answer, changed: Sequence[str]) -> None:
        """Emit the event, as "Events that Amazon SageMaker AI sends to Amazon EventBridge" shows it."""
        # A new version was modified when it was made.
        whole = {"LastModifiedTime": package["CreationTime"]} | package
        times = ("CreationTime", "LastModifiedTime")
        detail: dict[str, Any] = {key: seconds(item) if key in times else item for key, item in whole.items()}
        updated = {"UpdatedModelPackageFields": list(changed)} if changed else {}
        self._source.tell(EVENT, [package["ModelPackageArn"]], detail | updated)


def _marks(package: Answer, request: Request) -> dict[str, str]:
    added = request.get("CustomerMetadataProperties", {})
    removed = set(request.get("CustomerMetadataPropertiesToRemove", ()))
    if both := sorted(removed & set(added)):
        raise unknown(f"an update that sets and removes {', '.join(both)}", "AWS does not say which one counts")
    kept: dict[str, str] = package.get("CustomerMetadataProperties", {}) | added
    return {key: value for key, value in kept.items() if key not in removed}

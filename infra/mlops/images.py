"""`loopwright:images:ImageRepository`: where the one image is pushed to.

Children: an ECR repository (immutable tags, scan on push, the stack's key) and its lifecycle. Costs: storage by the GB.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ecr

if TYPE_CHECKING:
    from mlops.naming import Names
    from mlops.settings import StackSettings

__all__ = ["ImageRepository", "ImageRepositoryArgs"]

UNTAGGED_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class ImageRepositoryArgs:
    """Inputs of `ImageRepository`."""

    names: Names
    """The stack's names."""
    key_arn: pulumi.Input[str]
    """Key that encrypts the images."""
    settings: StackSettings
    """Says whether a repository that holds images may be deleted."""


class ImageRepository(pulumi.ComponentResource):
    """The repository of the one image."""

    url: pulumi.Output[str]
    """What to push to, without a tag."""

    def __init__(self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:images:ImageRepository", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = ecr.Repository(
            f"{name}-repository",
            name=args.names.of("image"),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=not args.settings.keep_data,
            opts=child,
        )
        # Tagged images are what endpoints run or go back to; only layers that no tag holds are left to age.
        rule = {
            "rulePriority": 1,
            "description": "images without a tag",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        }
        ecr.LifecyclePolicy(
            f"{name}-lifecycle", repository=repository.name, policy=json.dumps({"rules": [rule]}), opts=child
        )
        self.url = repository.repository_url
        self.register_outputs({"url": self.url})

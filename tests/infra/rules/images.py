"""The image, its repository, and that it is the same one everywhere."""

from __future__ import annotations

import json
import re

from rules.plan import ACCOUNT, first
from rules.registry import rule

DIGEST = re.compile(r"(?P<repository>[^@]+)@sha256:[0-9a-f]{64}")


@rule("ECR", "ECR.1, ECR.2, ECR.3, ECR.5")
def repositories(plan):
    """The repository scans on push, never moves a tag, encrypts with the stack's key and lets untagged layers age."""
    for resource in plan.of("aws_ecr_repository"):
        key = plan.referred(resource["encryption_configuration.kms_key"])
        if resource["image_scanning_configuration.scan_on_push"] is not True:
            yield resource.address, "images are not scanned"
        if resource["image_tag_mutability"] != "IMMUTABLE":
            yield resource.address, "a tag can be moved to another image"
        if resource["encryption_configuration.encryption_type"] != "KMS" or key is None:
            yield resource.address, "images are not encrypted with a key of the stack"
        policies = plan.belonging("aws_ecr_lifecycle_policy", "repository", resource)
        if not policies or not all(_ages_untagged_only(policy["policy"]) for policy in policies):
            yield resource.address, "untagged layers stay for ever, or tagged images that may be in use do not"


def _ages_untagged_only(text):
    try:
        rules = json.loads(text)["rules"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(rules) and all(each.get("selection", {}).get("tagStatus") == "untagged" for each in rules)


def images(plan):
    """Yield every image that the stack runs, as address and plain text."""
    for model in plan.of("aws_sagemaker_model"):
        for container in [*model.blocks("primary_container"), *model.blocks("container")]:
            yield model.address, plan.plain(container.get("image", ""))
    for pipeline, step in plan.steps():
        arguments = step.get("Arguments", {})
        for path in (("AppSpecification", "ImageUri"), ("AlgorithmSpecification", "TrainingImage")):
            if path[0] in arguments:
                yield pipeline.address, str(arguments[path[0]].get(path[1], ""))
        for container in arguments.get("InferenceSpecification", {}).get("Containers", []):
            yield pipeline.address, str(container.get("Image", ""))
    for function in plan.of("aws_lambda_function"):
        variables = (first(function["environment"]) or {}).get("variables", {})
        if "IMAGE" in variables:
            yield function.address, plan.plain(variables["IMAGE"])


@rule("SM-IMG", "T12; identical environments")
def by_digest(plan):
    """Every image is named by its digest, out of the stack's own repository."""
    made = {f"{ACCOUNT}.dkr.ecr.{plan.region}.amazonaws.com/{r.physical}" for r in plan.of("aws_ecr_repository")}
    for model in plan.of("aws_sagemaker_model"):
        if not model.blocks("primary_container"):
            yield model.address, "it has no container"
    for where, image in images(plan):
        named = DIGEST.fullmatch(image)
        if not named:
            yield where, f"{image or 'no image'} is not named by its digest"
        elif named["repository"] not in made:
            yield where, f"{image} is not out of the stack's own repository"


@rule("SM-ONE", "identical environments")
def same_everywhere(plan):
    """Preparation, training, evaluation, monitoring, registration and serving run one image with the same variables."""
    found = sorted({image for _, image in images(plan)})
    if len(found) > 1:
        yield "(stack)", f"{len(found)} images: {', '.join(found)}"
    environments = {json.dumps(environment, sort_keys=True): where for where, environment in variables(plan)}
    if len(environments) > 1:
        yield ", ".join(sorted(environments.values())), "variables differ"


def variables(plan):
    """Yield the environment variables of everything that runs the image."""
    for model in plan.of("aws_sagemaker_model"):
        for container in [*model.blocks("primary_container"), *model.blocks("container")]:
            yield model.address, {key: plan.plain(value) for key, value in container.get("environment", {}).items()}
    for pipeline, step in plan.steps():
        arguments = step.get("Arguments", {})
        if step.get("Type") in {"Processing", "Training"}:
            yield f"{pipeline.address} {step['Name']}", arguments.get("Environment", {})
        for container in arguments.get("InferenceSpecification", {}).get("Containers", []):
            yield f"{pipeline.address} {step['Name']}", container.get("Environment", {})
    for function in plan.of("aws_lambda_function"):
        given = (first(function["environment"]) or {}).get("variables", {})
        if "ENVIRONMENT" in given:
            yield function.address, json.loads(plan.plain(given["ENVIRONMENT"]))

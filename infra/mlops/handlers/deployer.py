"""The deployer: makes the endpoint serve the newest approved model, and checks what really serves afterwards.

An approval, an endpoint's event or a tick only wake it. It reads the registry and the endpoint, `decide` says in a
pure function what follows (`rollout.py`), and this shell around it asks SageMaker for it. SageMaker reports success
when it silently takes an update back, so the registry remembers what was asked for, and the endpoint is believed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from . import aws, rollout
from .blueprint import NAME_LIMIT, SUFFIX_LIMIT, Blueprint, Rollout, oddity, version_of, within
from .cleanup import clean_up
from .configs import described
from .rollout import Endpoint, Package, State, decide, desired
from .variables import SettingsError, Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .rollout import Decision

READ_NEWEST, READ_APPROVED, MOST_ALARMS = 10, 5, 10
# What a function of a few minutes can read and hash.
MOST_BYTES = 2 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says."""

    package_group: str
    template: str
    """The configuration that Pulumi keeps, and that every one of ours is a copy of."""
    blueprint: Blueprint
    teller: aws.Teller

    @classmethod
    def of(cls, variables: Variables) -> Self:
        """Read all variables.

        Raises:
            SettingsError: One is missing or cannot be meant.
        """
        prefix, image = variables.text("NAME_PREFIX"), variables.text("IMAGE")
        if not re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9])*", prefix) or len(prefix) > NAME_LIMIT - SUFFIX_LIMIT:
            raise SettingsError("the environment variable NAME_PREFIX is too long, or no name for SageMaker")
        if not re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", image):
            raise SettingsError("the environment variable IMAGE must name an image by digest")
        kinds: dict[str, tuple[type, ...]] = {"strategy": (str,), "percent": (int,), "bake_minutes": (int,)}
        traffic = Rollout(**variables.fields("ROLLOUT", kinds))
        fits = 1 <= traffic.percent <= 50 and traffic.bake_minutes <= 60  # noqa: PLR2004 - as in the contract
        if traffic.strategy not in {"canary", "linear", "all_at_once"} or not fits:
            raise SettingsError("the environment variable ROLLOUT has a strategy, percent or bake_minutes unknown")
        alarms = tuple(variables.texts("ROLLBACK_ALARMS", list))
        if len(alarms) > MOST_ALARMS:
            raise SettingsError("the environment variable ROLLBACK_ALARMS names more than SageMaker's ten")
        teller = aws.Teller.of("deployer", variables)
        blueprint = Blueprint(
            prefix=prefix,
            image=image,
            role=variables.text("SERVING_ROLE_ARN"),
            environment=variables.texts("ENVIRONMENT", dict),
            network=_network(variables),
            rollout=traffic,
            alarms=alarms,
            tags={"Project": teller.project, "Stack": teller.stack, "ManagedBy": "loopwright-deployer"},
        )
        return cls(
            package_group=variables.text("MODEL_PACKAGE_GROUP"),
            template=variables.text("BASE_CONFIG"),
            blueprint=blueprint,
            teller=teller,
        )


def _network(variables: Variables) -> dict[str, Any] | None:
    if variables.text("NETWORK") == "null":
        return None
    network = variables.fields("NETWORK", {"Subnets": (list,), "SecurityGroupIds": (list,)})
    if not all(network.values()):
        raise SettingsError("the environment variable NETWORK needs a subnet and a security group, or is null")
    return network


def read(settings: Settings) -> State:
    """Read the world; what cannot be read is said instead."""
    try:
        return _read(settings)
    except (*aws.FAULTS, LookupError, TypeError, ValueError) as error:
        return State(unreadable=f"{aws.code(error)}: {error}")


def _read(settings: Settings) -> State:
    sagemaker, prefix = aws.client("sagemaker"), settings.blueprint.prefix
    found = sagemaker.describe_endpoint(EndpointName=settings.teller.endpoint)
    endpoint = Endpoint(
        status=found["EndpointStatus"],
        config=found.get("EndpointConfigName", ""),
        modified=found["LastModifiedTime"].isoformat(),
    )
    if endpoint.status != rollout.IN_SERVICE:
        return State(endpoint=endpoint)
    template = described(settings.template) or {}
    endpoint = _serving(endpoint, prefix, template)
    packages = _packages(settings, endpoint.version)
    wanted = desired(packages)
    new = wanted if wanted and wanted.version != endpoint.version else None
    alarms = aws.alarm_states(settings.blueprint.alarms)
    sha256 = _sha256(new.artefact) if new else ""
    return State(endpoint=endpoint, packages=packages, alarms=alarms, sha256=sha256, template=template)


def _serving(endpoint: Endpoint, prefix: str, template: Mapping[str, Any]) -> Endpoint:
    """Add which version serves, and of what it is made."""
    # Pulumi replaces its configuration under an endpoint that has never served a model; ours stay while they serve.
    config = described(endpoint.config) or template
    endpoint = replace(endpoint, oddity=oddity(template) or oddity(config))
    model = "" if endpoint.oddity else config["ProductionVariants"][0]["ModelName"]
    version = version_of(prefix, model)
    if version is None:
        return endpoint
    container = aws.client("sagemaker").describe_model(ModelName=model)["PrimaryContainer"]
    image, artefact = container["Image"].partition("@")[2], container.get("ModelDataUrl", "")
    return replace(endpoint, model=model, version=version, image=image, artefact=artefact)


def _packages(settings: Settings, serving: int | None) -> tuple[Package, ...]:
    """Read the versions that can matter: the newest, the newest approved, and the one that serves."""
    listed = aws.pages(
        aws.client("sagemaker").list_model_packages,
        "ModelPackageSummaryList",
        ModelPackageGroupName=settings.package_group,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=100,
    )
    newest = sorted(listed, key=lambda each: each["ModelPackageVersion"], reverse=True)
    approved = [each for each in newest if each.get("ModelApprovalStatus") == rollout.APPROVED]
    serves = [each for each in newest if each["ModelPackageVersion"] == serving]
    chosen = {each["ModelPackageArn"] for each in newest[:READ_NEWEST] + approved[:READ_APPROVED] + serves}
    return tuple(_package(each["ModelPackageArn"]) for each in newest if each["ModelPackageArn"] in chosen)


def _package(arn: str) -> Package:
    found = aws.client("sagemaker").describe_model_package(ModelPackageName=arn)
    containers = found.get("InferenceSpecification", {}).get("Containers", [])
    container = containers[0] if len(containers) == 1 else {}
    return Package(
        version=found["ModelPackageVersion"],
        arn=found["ModelPackageArn"],
        approval=found["ModelApprovalStatus"],
        completed=found["ModelPackageStatus"] == "Completed",
        image=container.get("Image", "").partition("@")[2] or container.get("ImageDigest", ""),
        artefact=container.get("ModelDataUrl", ""),
        marks=found.get("CustomerMetadataProperties", {}),
    )


def _sha256(place: str) -> str:
    """Return the SHA-256 of an artefact; nothing where it cannot be known, and then the version will be refused."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not place.startswith("s3://") or not bucket or not key:
        return ""
    s3 = aws.client("s3")
    try:
        found = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        whole = found.get("ChecksumSHA256", "")
        # One over the checksums of the parts says nothing that could be compared.
        if whole and "-" not in whole and found.get("ChecksumType") != "COMPOSITE":
            return base64.b64decode(whole).hex()
        if found["ContentLength"] > MOST_BYTES:
            return ""
        total = hashlib.sha256()
        for part in s3.get_object(Bucket=bucket, Key=key, IfMatch=found["ETag"])["Body"].iter_chunks(1024**2):
            total.update(part)
    except ClientError:
        return ""
    return total.hexdigest()


def carry_out(settings: Settings, state: State, decision: Decision) -> tuple[str, str]:
    """Do what was decided; return the outcome in words, and the matter of a page if it went wrong."""
    try:
        for mark in decision.marks:
            _mark(mark.package, {"deploy": mark.deploy}, reject=mark.reject)
        if decision.deploy:
            return _deploy(settings, state, decision.deploy), ""
        if decision.reason == "serves":
            return clean_up(state, settings.blueprint.prefix, state.endpoint.model if state.endpoint else ""), ""
    except aws.FAULTS as error:
        whom = f"version {decision.deploy.version}" if decision.deploy else "a change by the deployer"
        return f"refused: {error}", f"{whom} is refused: {aws.code(error)}"
    return "", ""


def _mark(package: Package, marks: Mapping[str, str], *, reject: bool = False, only_approved: bool = False) -> bool:
    """Change the metadata of a package, and nothing that a person changed meanwhile."""
    sagemaker = aws.client("sagemaker")
    found = sagemaker.describe_model_package(ModelPackageName=package.arn)
    approval, known = found["ModelApprovalStatus"], found.get("CustomerMetadataProperties", {})
    if only_approved and approval != rollout.APPROVED:
        return False
    # Without the status where it stays: the event names what an update sets, and a change of approval wakes us again.
    request: dict[str, Any] = {"CustomerMetadataProperties": known | marks}
    if reject and approval != rollout.REJECTED:
        because = "the endpoint went back from it; not to be tried again"
        request |= {"ModelApprovalStatus": rollout.REJECTED, "ApprovalDescription": because}
    if request != {"CustomerMetadataProperties": known}:
        sagemaker.update_model_package(ModelPackageArn=package.arn, **request)
    return True


def _deploy(settings: Settings, state: State, package: Package) -> str:
    sagemaker, plan, endpoint = aws.client("sagemaker"), settings.blueprint, settings.teller.endpoint
    before = state.endpoint or Endpoint(status="", config="", modified="")
    model = plan.model(package)
    config = plan.config(state.template, package.version, model["ModelName"])
    name = config["EndpointConfigName"]
    _make(sagemaker.create_model, sagemaker.describe_model, model, "ModelName")
    _make(sagemaker.create_endpoint_config, sagemaker.describe_endpoint_config, config, "EndpointConfigName")
    # Noted before it is asked: whatever happens next, the outcome can be told from the endpoint.
    marks = {"deploy": rollout.STARTED + name, "deploy_seen": before.modified, "deploy_previous": before.config}
    if not _mark(package, marks, only_approved=True):
        return f"version {package.version} was revoked meanwhile"
    try:
        sagemaker.update_endpoint(**plan.update(endpoint, config, first=before.version is None))
    except (BotoCoreError, ClientError):
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
        pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName", name)
        if found["EndpointStatus"] in rollout.MOVING and pending == name:
            # The first of several attempts was accepted, and only its answer was lost.
            return f"{name} is on its way already"
        _mark(package, {"deploy": rollout.WAITING})
        raise
    return f"{name} is on its way"


def _make(create: Callable[..., Any], describe: Callable[..., Any], request: dict[str, Any], key: str) -> None:
    """Create something, or find it made by an earlier attempt."""
    try:
        create(**request)
    except ClientError as error:
        if aws.code(error) != "ResourceInUse" and "already exist" not in str(error):
            raise
        there = describe(**{key: request[key]})
        if not within({name: value for name, value in request.items() if name != "Tags"}, there):
            raise aws.UnreadableError(f"{request[key]} exists and is something else") from error


@functools.cache
def settings() -> Settings:
    """Return the settings, read once."""
    return Settings.of(Variables(os.environ))


def handler(event: Any, context: Any) -> Any:
    """Decide once, whatever the event was."""
    with aws.awake("deployer", context) as wake:
        known = settings()
        state = read(known)
        decision = decide(state, known.blueprint.image)
        about = {"decided": decision, "state": state, "image": known.blueprint.image}
        told = vars(decision) | {"woken_by": aws.woken_by(event), **about}
        # A mark ends what the page is about: were it made first, a crash between the two would leave nobody told.
        known.teller.page(wake, told)
        outcome, page = carry_out(known, state, decision)
        metrics = {"DeployerHeartbeat": 1.0}
        if state.endpoint and state.endpoint.status == rollout.IN_SERVICE:
            metrics["ServingVersion"] = float(state.endpoint.version or 0)
        told |= {"outcome": outcome, "page": page or decision.page}
        return known.teller.tell(wake, told, metrics)

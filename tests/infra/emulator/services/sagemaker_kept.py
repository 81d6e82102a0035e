"""SageMaker's tracking servers and feature groups, of which moto has no API or half of one: kept here altogether."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from emulator.hooks import on
from emulator.policy import usable_role
from emulator.services.sagemaker import SAGEMAKER, remember_tags
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

SERVER, GROUP = "MlflowTrackingServer", "FeatureGroup"
NAMES = {SERVER: "TrackingServerName", GROUP: "FeatureGroupName"}
ARNS = {SERVER: "TrackingServerArn", GROUP: "FeatureGroupArn"}
SEGMENTS = {SERVER: "mlflow-tracking-server", GROUP: "feature-group"}


def _kind(call: Call) -> str:
    return SERVER if SERVER in call.action else GROUP


def _kept(call: Call, moto: Moto) -> dict[str, Any]:
    kind = _kind(call)
    name = call.params[NAMES[kind]]
    if name not in moto.memory(kind):
        raise Refused("ResourceNotFound", f"{kind} {name} does not exist.")
    return moto.memory(kind)[name]


def _arn(call: Call, moto: Moto) -> Result:
    arn = ARNS[_kind(call)]
    return {arn: _kept(call, moto)[arn]}


@on("sagemaker", f"Create{SERVER}", f"Create{GROUP}")
def create(call: Call, moto: Moto) -> Result:
    """Make it; it is ready at once."""
    kind = _kind(call)
    name = call.params[NAMES[kind]]
    if name in moto.memory(kind):
        raise Refused("ResourceInUse", f"{kind} {name} exists already.")
    if role := call.params.get("RoleArn"):
        usable_role(role, SAGEMAKER)
    arn = call.arn(f"{SEGMENTS[kind]}/{name.lower() if kind == GROUP else name}")
    asked = {key: value for key, value in call.params.items() if key != "Tags"}
    computed = _server(name) if kind == SERVER else _group(call)
    moto.memory(kind)[name] = computed | asked | {ARNS[kind]: arn, "CreationTime": time.time()} | _store(call)
    remember_tags(call, moto, arn)
    return {ARNS[kind]: arn}


@on("sagemaker", f"Describe{SERVER}", f"Describe{GROUP}")
def describe(call: Call, moto: Moto) -> Result:
    """Describe it as it was asked for."""
    return _kept(call, moto)


@on("sagemaker", f"Update{SERVER}")
def update(call: Call, moto: Moto) -> Result:
    """Change what is given."""
    _kept(call, moto).update(call.params)
    return _arn(call, moto)


@on("sagemaker", f"Start{SERVER}", f"Stop{SERVER}")
def turn(call: Call, moto: Moto) -> Result:
    """Start or stop it at once."""
    started = call.action.startswith("Start")
    status, active = ("Started", "Active") if started else ("Stopped", "Inactive")
    _kept(call, moto).update({"TrackingServerStatus": status, "IsActive": active})
    return _arn(call, moto)


@on("sagemaker", f"Delete{SERVER}", f"Delete{GROUP}")
def delete(call: Call, moto: Moto) -> Result:
    """Delete it at once."""
    kind, answer = _kind(call), _arn(call, moto)
    del moto.memory(kind)[call.params[NAMES[kind]]]
    moto.memory("tags").pop(answer[ARNS[kind]])
    return answer if kind == SERVER else {}


@on("sagemaker", f"List{SERVER}s", f"List{GROUP}s")
def list_all(call: Call, moto: Moto) -> Result:
    """List them all, on one page."""
    kind = _kind(call)
    return {f"{kind.removeprefix('Mlflow')}Summaries": list(moto.memory(kind).values())}


def _server(name: str) -> dict[str, Any]:
    return {
        "TrackingServerStatus": "Created",
        "IsActive": "Active",
        "MlflowVersion": "2.16.2",
        "TrackingServerSize": "Small",
        "AutomaticModelRegistration": False,
        "TrackingServerUrl": f"https://{name}.experiments.sagemaker.aws",
        "WeeklyMaintenanceWindowStart": "Tue:03:30",
        "LastModifiedTime": time.time(),
    }


def _group(call: Call) -> dict[str, Any]:
    features = {feature["FeatureName"] for feature in call.params["FeatureDefinitions"]}
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if call.params[member] not in features:
            raise Refused("ValidationException", f"{member} {call.params[member]} is no feature of the group.")
    return {"FeatureGroupStatus": "Created", "ThroughputConfig": {"ThroughputMode": "OnDemand"}}


def _store(call: Call) -> dict[str, Any]:
    """Return the offline store with what SageMaker adds: where objects really go, and the table in Glue."""
    asked = call.params.get("OfflineStoreConfig")
    if not asked:
        return {}
    name, s3 = call.params["FeatureGroupName"], asked["S3StorageConfig"]
    resolved = f"{s3['S3Uri']}/{ACCOUNT}/sagemaker/{call.region}/offline-store/{name}-1/data"
    store = asked | {"S3StorageConfig": s3 | {"ResolvedOutputS3Uri": resolved}}
    if not asked.get("DisableGlueTableCreation"):
        table = f"{name.replace('-', '_').lower()}_1"
        catalog = {"TableName": table, "Catalog": "AwsDataCatalog", "Database": "sagemaker_featurestore"}
        store = {"DataCatalogConfig": catalog} | store
    return {"OfflineStoreConfig": store}

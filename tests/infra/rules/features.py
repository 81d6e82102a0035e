"""Optional parts: the tracking server and the feature store."""

from __future__ import annotations

from rules.registry import rule

TYPES = {"Integral", "Fractional", "String"}


@rule("SM-MLFLOW", "SM-22; T20")
def tracking(plan):
    """A tracking server registers no model by itself, keeps its artifacts in the stack and has no old version."""
    buckets = {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")}
    for server in plan.of("aws_sagemaker_mlflow_tracking_server"):
        uri = plan.plain(server["artifact_store_uri"])
        if server["automatic_model_registration"] is not False:
            yield server.address, "it registers models that no gate has passed"
        if not server["tracking_server_size"]:
            yield server.address, "nothing says how large, and how dear, it is"
        if uri.split("/")[2:3] != [b for b in buckets if uri.startswith(f"s3://{b}/")][:1]:
            yield server.address, f"{uri} is no bucket of the stack"
        if len(uri.split("/")) < 4 or not uri.split("/")[3]:
            yield server.address, "its artifacts have no prefix of their own"


@rule("SM-FEATURES", "SageMaker feature store: security")
def features(plan):
    """A feature group encrypts both stores with the stack's key and finds a record by features that it has."""
    buckets = {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")}
    for group in plan.of("aws_sagemaker_feature_group"):
        keys = ("online_store_config.security_config.kms_key_id", "offline_store_config.s3_storage_config.kms_key_id")
        for path in keys:
            if plan.referred(group[path]) is None:
                yield group.address, f"{path.split('.')[0]} is not encrypted with a key of the stack"
        if group["online_store_config.enable_online_store"] is not True:
            yield group.address, "nobody can read the newest features"
        uri = plan.plain(group["offline_store_config.s3_storage_config.s3_uri"])
        if uri.removeprefix("s3://").split("/")[0] not in buckets:
            yield group.address, f"{uri} is no bucket of the stack"
        types = {each.get("feature_name"): each.get("feature_type") for each in group.blocks("feature_definition")}
        if not set(types.values()) <= TYPES or None in types:
            yield group.address, "a feature has a type that there is not"
        named = {group["record_identifier_feature_name"], group["event_time_feature_name"]}
        if len(named) != 2 or not named <= set(types):
            yield group.address, "its identifier or its time is no feature of it"

"""What SageMaker is asked for: every request fits its model, and every rollout of the contract its limits."""

from __future__ import annotations

from dataclasses import replace

from fakes import IMAGE
from handlers.blueprint import Blueprint, Rollout, garbage, oddity, version_of, within
from handlers.rollout import Package
from hypothesis import given
from hypothesis import strategies as st
from strict_client import check, service

TEMPLATE = {
    "EndpointConfigName": "base",
    "ProductionVariants": [
        {"VariantName": "live", "ModelName": "base", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    ],
    "KmsKeyId": "alias/churn",
}
BLUEPRINT = Blueprint(
    prefix="churn-dev",
    image=IMAGE,
    role="arn:aws:iam::123456789012:role/churn-dev-serving",
    environment={"LOG_LEVEL": "info"},
    network={"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    rollout=Rollout(strategy="canary", percent=10, bake_minutes=30),
    alarms=("latency", "errors"),
    tags={"Project": "churn"},
)


PACKAGE = Package(
    version=3, arn="arn:3", approval="Approved", artefact="s3://artifacts/3", marks={"model_sha256": "7" * 64}
)


def test_the_model_is_the_artefact_in_the_one_image():
    made = BLUEPRINT.model(PACKAGE)
    check(made, service("sagemaker").operation_model("CreateModel").input_shape, "CreateModel")
    assert version_of("churn-dev", made["ModelName"]) == 3
    assert made["EnableNetworkIsolation"]
    assert made["PrimaryContainer"] == {
        "Image": IMAGE,
        "ModelDataUrl": "s3://artifacts/3",
        "Environment": {"LOG_LEVEL": "info", "MODEL_VERSION": "3", "MODEL_SHA256": "7" * 64},
    }
    other = replace(BLUEPRINT, environment={"LOG_LEVEL": "debug"}).model(PACKAGE)
    assert other["ModelName"] != made["ModelName"], "two contents never share a name"
    assert "VpcConfig" not in replace(BLUEPRINT, network=None).model(PACKAGE)


def test_the_configuration_is_the_template_with_another_model():
    made = BLUEPRINT.config(TEMPLATE, 3, "churn-dev-v3-01234567")
    check(made, service("sagemaker").operation_model("CreateEndpointConfig").input_shape, "CreateEndpointConfig")
    (variant,) = made["ProductionVariants"]
    assert variant == TEMPLATE["ProductionVariants"][0] | {"ModelName": "churn-dev-v3-01234567"}
    assert made["KmsKeyId"] == TEMPLATE["KmsKeyId"]
    assert TEMPLATE["ProductionVariants"][0]["ModelName"] == "base", "the template is as it was"


@given(st.sampled_from(["canary", "linear", "all_at_once"]), st.integers(1, 50), st.integers(0, 60))
def test_every_rollout_of_the_contract_is_one_that_sagemaker_takes(strategy, percent, minutes):
    rollout = Rollout(strategy=strategy, percent=percent, bake_minutes=minutes)
    config = BLUEPRINT.config(TEMPLATE, 3, "churn-dev-v3-01234567")
    made = replace(BLUEPRINT, rollout=rollout).update("churn-dev", config)
    check(made, service("sagemaker").operation_model("UpdateEndpoint").input_shape, "UpdateEndpoint")
    deployment = made["DeploymentConfig"]
    assert deployment["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "latency"}, {"AlarmName": "errors"}]}
    policy = deployment["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    steps = {"CANARY": 1, "ALL_AT_ONCE": 0}.get(routing["Type"])
    if steps is None:
        steps = -(-100 // routing["LinearStepSize"]["Value"]) - 1
        assert 10 <= routing["LinearStepSize"]["Value"] <= 50
    waits = steps * routing["WaitIntervalInSeconds"] + policy["TerminationWaitInSeconds"]
    assert waits < policy["MaximumExecutionTimeoutInSeconds"] <= 28_800
    assert policy["TerminationWaitInSeconds"] <= minutes * 60


def test_a_serverless_endpoint_knows_no_guardrails():
    serverless = {
        "VariantName": "live",
        "ModelName": "base",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
    }
    config = BLUEPRINT.config({"ProductionVariants": [serverless]}, 1, "m")
    assert set(BLUEPRINT.update("churn-dev", config)) == {"EndpointName", "EndpointConfigName"}


def test_names_are_read_strictly():
    made = {
        name: version_of("a-b", name)
        for name in ("a-b-v12-0123abcd", "a-b-base-01234567", "a-b-v0-01234567", "x-a-b-v1-01234567", "a-b-v1-0123456g")
    }
    assert list(made.values()) == [12, None, None, None, None]


def test_a_configuration_that_is_an_experiment_is_left_alone():
    (variant,) = TEMPLATE["ProductionVariants"]
    assert not oddity(TEMPLATE)
    assert oddity({})
    assert oddity({"ProductionVariants": [variant, variant]})
    assert oddity(TEMPLATE | {"ShadowProductionVariants": [variant]})
    assert oddity({"ProductionVariants": [{"VariantName": "live"}]})


@given(st.lists(st.text(max_size=3), unique=True), st.sets(st.text(max_size=3)))
def test_garbage_is_neither_needed_nor_new(names, needed):
    gone = garbage(names, needed)
    assert not set(gone) & (needed | set(names[:3]))
    assert set(names[3:]) - needed == set(gone)


def test_within_finds_what_was_asked_for_and_nothing_less():
    there = {"a": {"b": [1, {"c": 2}]}, "d": 3}
    assert within({"a": {"b": [1, {}]}}, there)
    assert not within({"a": {"b": [1]}}, there)
    assert not within({"a": {"e": 1}}, there)
    assert not within({"a": [1]}, there)

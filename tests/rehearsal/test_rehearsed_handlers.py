"""The real deployer and controller against the emulated SageMaker; the rest of AWS is that of their own tests."""

from __future__ import annotations

import hashlib

import pytest
from fakes import ACCOUNT, IMAGE, REGION, START
from handlers import controller, deployer
from servings import Account, minutes
from wakeups import DEPLOYER, retraining_world, serving_world, wake_controller, wake_deployer

from loopwright.rehearsal.aws.client import Client
from loopwright.rehearsal.aws.executions import Executions
from loopwright.rehearsal.aws.registry import Registry

ENDPOINT, GROUP, BASE = DEPLOYER["ENDPOINT_NAME"], DEPLOYER["MODEL_PACKAGE_GROUP"], DEPLOYER["BASE_CONFIG"]
PIPELINE = "churn-dev-training"
PARAMETERS = ["Reason", "DataUntil", "DataVersion", "WindowsDays", "Champion", "ChampionUri"]


class Stack(Account):
    """The world of the handlers' tests, with SageMaker emulated."""

    def __init__(self, world, patch, module):
        super().__init__(alarms=world.alarms)
        assert (self.source.account, self.source.region, self.clock.now) == (ACCOUNT, REGION, START)
        self.world_of_tests, self.registry = world, Registry(self.source)
        self.registry.create_model_package_group(ModelPackageGroupName=GROUP)
        pipelines = {PIPELINE: dict.fromkeys(PARAMETERS, "none")}
        self.executions = Executions(self.source, pipelines, self.run, stopping=minutes(2))
        sagemaker = Client("sagemaker", self.hosting, self.endpoints, self.registry, self.executions)
        patch.setattr(module.aws, "client", lambda name: sagemaker if name == "sagemaker" else world.client(name))
        patch.setattr(module.aws, "clock", lambda: self.clock.now)

    def run(self, execution):
        self.clock.after(minutes(60), lambda: self.executions.end(execution.arn, "Succeeded"))

    def boot(self):
        """Serve the bootstrap that Pulumi makes, without a model."""
        self.config(BASE, {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2})
        self.endpoints.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=BASE)
        self.later(minutes(10))

    def register(self, number, approval="Approved"):
        content, place = b"model %d" % number, f"models/{number}/model.tar.gz"
        self.world_of_tests.store(f"artifacts/{place}", content)
        return self.registry.create_model_package(
            ModelPackageGroupName=GROUP,
            InferenceSpecification={"Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://artifacts/{place}"}]},
            ModelApprovalStatus=approval,
            CustomerMetadataProperties={"artefact_sha256": hashlib.sha256(content).hexdigest()},
        )["ModelPackageArn"]

    def found(self, arn):
        package = self.registry.describe_model_package(ModelPackageName=arn)
        return package["ModelApprovalStatus"], package["CustomerMetadataProperties"].get("deploy", "").split(":")[0]

    def serves(self):
        """Return the version that most traffic goes to, as its container is told."""
        shares = self.endpoints.share(ENDPOINT, self.clock.now)
        config = self.hosting.describe_endpoint_config(EndpointConfigName=max(shares, key=lambda name: shares[name]))
        model = self.hosting.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        return model["PrimaryContainer"].get("Environment", {}).get("MODEL_VERSION")


@pytest.fixture
def serving(monkeypatch):
    stack = Stack(serving_world(monkeypatch), monkeypatch, deployer)
    stack.boot()
    return stack


def deployed(stack, number):
    arn = stack.register(number)
    wake_deployer()
    stack.later(minutes(120))
    wake_deployer()
    return arn


def test_the_deployer_brings_versions_into_service_and_the_registry_follows(serving):
    arns = [deployed(serving, number) for number in (1, 2)]
    assert serving.serves() == "2"
    assert [serving.found(arn) for arn in arns] == [("Approved", "replaced"), ("Approved", "live")]
    assert serving.world_of_tests.pages == []


def test_a_rollback_in_silence_is_noticed_and_the_version_is_never_tried_again(serving):
    deployed(serving, 1)
    arn = serving.register(2)
    assert wake_deployer()["reason"] == "deploy"
    serving.later(minutes(10))
    assert wake_deployer()["reason"] == "Updating"
    serving.alarms["churn-dev-errors"] = "ALARM"
    serving.later(minutes(2))
    assert wake_deployer()["reason"] == "RollingBack"
    serving.alarms["churn-dev-errors"] = "OK"
    serving.later(minutes(10))
    assert wake_deployer()["reason"] == "rolled-back"
    assert serving.found(arn) == ("Rejected", "rolled_back")
    assert wake_deployer()["reason"] == "serves"
    assert serving.serves() == "1"


def test_what_is_not_needed_any_more_is_deleted(serving):
    for number in range(1, 8):
        deployed(serving, number)
    wake_deployer()
    listing = {"NameContains": "churn-dev-v", "MaxResults": 100}
    assert len(serving.hosting.list_models(**listing)["Models"]) == 3
    assert len(serving.hosting.list_endpoint_configs(**listing)["EndpointConfigs"]) == 3


def test_the_controller_starts_one_execution_and_sees_it_in_flight_and_over(monkeypatch):
    stack = Stack(retraining_world(monkeypatch), monkeypatch, controller)
    stack.register(1)
    told = wake_controller({"reason": "manual"})
    assert told["start"], told
    assert not wake_controller({"reason": "manual"})["start"]
    stack.later(minutes(30))
    assert not wake_controller({"reason": "manual"})["start"]
    stack.later(minutes(60))
    found = stack.executions.list_pipeline_executions(PipelineName=PIPELINE, SortOrder="Descending", MaxResults=10)
    (execution,) = found["PipelineExecutionSummaries"]
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    assert execution["PipelineExecutionDisplayName"] == "schedule-2026-03-10"  # it never ran before
    assert wake_controller()["state"]["unreadable"] == []

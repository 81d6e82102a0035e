"""Single faults of a real definition, as data: an id, the rule that catches it, and the change."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.wiring.stack import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "<<ref:/aws:s3/bucket:Bucket::store#bucket/-ref>>"
POLICY = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 5, "MaxAttempts": 3}


class Draft:
    """A copy of a definition; the first step of each type by name.

    Args:
        body: The definition, whose first processing step makes something that another one reads.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = deepcopy(body)
        self.steps = list(self._steps(self.body["Steps"]))
        self.probed, self.verdict = (step for step in self.body["Steps"] if step["Type"] == "Condition")
        self.choice = self.verdict["Arguments"]
        self.prepare, self.train = self._first("Processing"), self._first("Training")
        self.job, self.fit = self.prepare["Arguments"], self.train["Arguments"]
        self.last = [step for step in self.steps if step["Type"] == "Processing"][-1]
        self.register, self.fail = self.choice["IfSteps"][0], self.choice["ElseSteps"][0]
        self.model = self.register["Arguments"]
        self.container = self.model["InferenceSpecification"]["Containers"][0]
        self.app, self.network = self.job["AppSpecification"], self.job["NetworkConfig"]
        self.cluster = self.job["ProcessingResources"]["ClusterConfig"]
        self.outputs = self.job["ProcessingOutputConfig"]["Outputs"]
        self.source = self.job["ProcessingInputs"][0]["S3Input"]
        self.target = self.outputs[0]["S3Output"]
        self.channel = self.fit["InputDataConfig"][0]
        self.resource = self.fit["ResourceConfig"]

    def _first(self, kind: str) -> dict[str, Any]:
        return next(step for step in self.steps if step["Type"] == kind)

    def _steps(self, steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for step in steps:
            yield step
            for branch in ("IfSteps", "ElseSteps"):
                yield from self._steps(step["Arguments"].get(branch, []))

    def move(self, step: dict[str, Any], home: list[dict[str, Any]]) -> None:
        """Take a step away from where it stands, and put it elsewhere."""
        for steps in (self.body["Steps"], *(each["Arguments"].get("IfSteps", []) for each in self.steps)):
            if step in steps:
                steps.remove(step)
        home.append(step)

    def declare(self, kind: str, *default: Any, **rest: Any) -> dict[str, str]:
        """Declare a parameter and return a reference to it."""
        entry = {"Name": "New", "Type": kind} | ({"DefaultValue": default[0]} if default else {}) | rest
        self.body["Parameters"].append(entry)
        return get("Parameters.New")

    def of(self, path: str) -> dict[str, str]:
        """Return a reference to a property of the first processing step."""
        return get(f"Steps.{self.prepare['Name']}.{path}")

    def decide(self, kind: str, **sides: Any) -> None:
        self.choice["Conditions"] = [{"Type": kind, **sides}]


@dataclass(frozen=True)
class Mutant:
    id: str
    rule: str
    change: Callable[[Draft], Any]

    def of(self, body: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(body)
        self.change(draft)
        assert json.dumps(draft.body) != json.dumps(body), "the change changed nothing"
        return draft.body


def get(name: Any) -> dict[str, Any]:
    return {"Get": name}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def renamed(things: list[dict[str, Any]], key: str, count: int) -> None:
    things[:] = [{**deepcopy(things[0]), key: f"n{number}"} for number in range(count)]


REQUEST = [
    ("role-missing", lambda d: d.fit.pop("RoleArn")),
    ("image-missing", lambda d: d.app.pop("ImageUri")),
    ("volume-missing", lambda d: d.cluster.pop("VolumeSizeInGB")),
    ("upload-missing", lambda d: d.target.pop("S3UploadMode")),
    ("member-unknown", lambda d: d.fit.update(Retries=3)),
    ("member-of-another-job", lambda d: d.job.update(EnableNetworkIsolation=True)),
    ("number-as-text", lambda d: d.cluster.update(InstanceCount="1")),
    ("text-as-number", lambda d: d.job["Environment"].update(LEVEL=1)),
    ("object-as-text", lambda d: d.model.update(ModelPackageGroupName={"Name": "shop"})),
    ("no-machine", lambda d: d.cluster.update(InstanceCount=0)),
    ("no-machine-by-parameter", lambda d: d.cluster.update(InstanceCount=d.declare("Integer", 0))),
    ("truth-as-number", lambda d: d.cluster.update(InstanceCount=True)),
    ("null", lambda d: d.fit.update(Environment=None)),
    ("name-empty", lambda d: d.job.update(ProcessingJobName="")),
    ("role-too-short", lambda d: d.job.update(RoleArn="arn:aws:iam::1:r")),
]
ENUM = [
    ("machine-of-a-job", lambda d: d.cluster.update(InstanceType="ml.m5.huge")),
    ("machine-of-training", lambda d: d.resource.update(InstanceType="m5.xlarge")),
    ("machine-by-parameter", lambda d: d.resource.update(InstanceType=d.declare("String", "ml.m5"))),
    ("status", lambda d: d.model.update(ModelApprovalStatus="Pending")),
    ("upload-mode", lambda d: d.target.update(S3UploadMode="AtEnd")),
    ("data-type", lambda d: d.channel["DataSource"]["S3DataSource"].update(S3DataType="Prefix")),
    ("input-mode", lambda d: d.fit["AlgorithmSpecification"].update(TrainingInputMode="file")),
]
PATTERN = [
    ("role", lambda d: d.fit.update(RoleArn=f"arn:aws:iam::{ACCOUNT_ID}:user/train")),
    ("uri", lambda d: d.source.update(S3Uri="data/raw")),
    ("uri-by-parameter", lambda d: d.source.update(S3Uri=d.declare("String", "data/raw"))),
    ("uri-joined", lambda d: d.target.update(S3Uri=join("bucket", get("Execution.PipelineExecutionId")))),
    ("image", lambda d: d.container.update(Image="shop image")),
    ("image-behind-a-gap", lambda d: d.container.update(Image=f"{BUCKET}/shop image")),
    ("key", lambda d: d.cluster.update(VolumeKmsKeyId="the key")),
    ("variable", lambda d: d.job["Environment"].update({"LOG-LEVEL": "info"})),
    ("channel", lambda d: d.channel.update(ChannelName="all data")),
    ("group", lambda d: d.model.update(ModelPackageGroupName="shop_models")),
    ("mark", lambda d: d.model["CustomerMetadataProperties"].update(reason="drift, again")),
    ("step", lambda d: d.fail.update(Name="not.registered")),
    ("parameter", lambda d: d.body["Parameters"].append({"Name": "Some Name", "Type": "String"})),
    ("job", lambda d: d.job.update(ProcessingJobName="prepare_shop")),
]
MAXIMUM = [
    ("inputs", lambda d: renamed(d.job["ProcessingInputs"], "InputName", 11)),
    ("outputs", lambda d: d.outputs.extend({**d.outputs[0], "OutputName": f"n{n}"} for n in range(10))),
    ("volume", lambda d: d.cluster.update(VolumeSizeInGB=16_385)),
    ("volume-by-parameter", lambda d: d.cluster.update(VolumeSizeInGB=d.declare("Integer", 99_999))),
    ("machines", lambda d: d.cluster.update(InstanceCount=101)),
    ("seconds", lambda d: d.job["StoppingCondition"].update(MaxRuntimeInSeconds=777_601)),
    ("argument", lambda d: d.app["ContainerArguments"].append("x" * 257)),
    ("variable", lambda d: d.job["Environment"].update(LONG="x" * 257)),
    ("variables", lambda d: d.job["Environment"].update({f"V{number}": "" for number in range(101)})),
    ("uri-behind-a-gap", lambda d: d.target.update(S3Uri=join("s3:/", get("Execution.PipelineName"), "x" * 1024))),
    ("step", lambda d: d.fail.update(Name="x" * 65)),
    ("parameter", lambda d: d.body["Parameters"].append({"Name": "x" * 257, "Type": "String"})),
    ("reason", lambda d: d.fail["Arguments"].update(ErrorMessage="x" * 3073)),
]
TYPE = [
    ("number-in-hyperparameters", lambda d: d.fit.update(HyperParameters={"rate": d.declare("Float", 0.1)})),
    ("number-as-argument", lambda d: d.app["ContainerArguments"].append(d.declare("Integer", 3))),
    ("text-as-count", lambda d: d.cluster.update(InstanceCount=d.declare("String", "1"))),
    ("fraction-as-count", lambda d: d.cluster.update(InstanceCount=d.declare("Float", 1.0))),
    ("text-as-truth", lambda d: d.network.update(EnableNetworkIsolation=d.declare("String", "true"))),
    ("join-as-truth", lambda d: d.fit.update(EnableNetworkIsolation=join("true"))),
    ("text-as-list", lambda d: d.app.update(ContainerArguments=d.declare("String", "--all"))),
    ("object-as-text", lambda d: d.source.update(S3Uri=get(f"Steps.{d.train['Name']}.ModelArtifacts"))),
    ("number-of-a-step", lambda d: d.fit["Environment"].update(N=d.of("StoppingCondition.MaxRuntimeInSeconds"))),
]
REFERENCE = [
    ("parameter", lambda d: d.source.update(S3Uri=get("Parameters.Nothing"))),
    ("step", lambda d: d.source.update(S3Uri=get("Steps.nobody.ModelArtifacts.S3ModelArtifacts"))),
    ("run", lambda d: d.fit["Environment"].update(RUN=get("Execution.Id"))),
    ("root", lambda d: d.fit["Environment"].update(RUN=get("Pipeline.Name"))),
    ("member", lambda d: d.model.update(SourceUri=get(f"Steps.{d.train['Name']}.ModelArtifact.S3ModelArtifacts"))),
    ("member-of-a-text", lambda d: d.model.update(SourceUri=d.of("RoleArn.Path"))),
    ("output", lambda d: d.model.update(SourceUri=d.of("ProcessingOutputConfig.Outputs['in'].S3Output.S3Uri"))),
    ("output-renamed", lambda d: d.outputs[0].update(OutputName="result")),
    ("output-twice", lambda d: d.outputs.append(deepcopy(d.outputs[0]))),
    ("output-of-training", lambda d: d.prepare.update(Type="Training")),
    ("index", lambda d: d.model.update(SourceUri=d.of("ProcessingInputs[7].S3Input.S3Uri"))),
    ("key-of-an-object", lambda d: d.model.update(SourceUri=d.of("ProcessingResources['x']"))),
    ("variable", lambda d: d.model.update(SourceUri=d.of("Environment['NOT_SET']"))),
    ("path-empty", lambda d: d.model.update(SourceUri=get(f"Steps.{d.prepare['Name']}"))),
    ("path-malformed", lambda d: d.model.update(SourceUri=d.of("RoleArn."))),
    ("property-of-an-end", lambda d: d.model.update(SourceUri=get(f"Steps.{d.fail['Name']}.ErrorMessage"))),
    ("function", lambda d: d.source.update(S3Uri={"Std:Concat": ["s3://", "x"]})),
    ("join-of-nothing", lambda d: d.source.update(S3Uri={"Std:Join": {"On": "/"}})),
    ("join-of-an-object", lambda d: d.source.update(S3Uri=join("s3:/", d.of("ProcessingResources")))),
    ("get-of-a-list", lambda d: d.source.update(S3Uri=get(["Parameters.DataUri"]))),
    ("lookup-without-path", lambda d: d.choice["Conditions"][0]["LeftValue"]["Std:JsonGet"].pop("Path")),
    ("lookup-in-a-step", lambda d: d.choice["Conditions"][0]["LeftValue"]["Std:JsonGet"].update(PropertyFile="x")),
    ("experiment", lambda d: d.body.update(PipelineExperimentConfig={"TrialName": get("Parameters.Trial")})),
]
PROPERTY_FILE = [
    ("undeclared", lambda d: d.last.pop("PropertyFiles")),
    ("of-the-probe", lambda d: d.steps[1].pop("PropertyFiles")),
    ("renamed", lambda d: d.last["PropertyFiles"][0].update(PropertyFileName="Verdicts")),
    ("output", lambda d: d.last["PropertyFiles"][0].update(OutputName="report")),
    ("no-path", lambda d: d.last["PropertyFiles"][0].pop("FilePath")),
    ("no-list", lambda d: d.train.update(PropertyFiles={})),
    ("of-training", lambda d: d.train.update(PropertyFiles=d.last["PropertyFiles"])),
    (
        "for-itself",
        lambda d: d.fail["Arguments"].update(ErrorMessage=get(f"Steps.{d.last['Name']}.PropertyFiles.Gates")),
    ),
]
ORDER = [
    ("nobody", lambda d: d.train.update(DependsOn=["nobody"])),
    ("text", lambda d: d.train.update(DependsOn=d.prepare["Name"])),
    ("object", lambda d: d.train.update(DependsOn=[{"Name": d.prepare["Name"]}])),
    ("itself", lambda d: d.train.update(DependsOn=[d.train["Name"]])),
    ("named", lambda d: d.prepare.update(DependsOn=[d.last["Name"]])),
    ("read", lambda d: d.source.update(S3Uri=get(f"Steps.{d.train['Name']}.ModelArtifacts.S3ModelArtifacts"))),
    ("read-in-a-join", lambda d: d.target.update(S3Uri=join("s3:/", d.of("ProcessingJobName")))),
    ("its-branch", lambda d: d.verdict.update(DependsOn=[d.register["Name"]])),
    ("of-both-branches", lambda d: d.move(d.last, d.probed["Arguments"]["ElseSteps"])),
    ("of-one-that-never-runs", lambda d: d.move(d.train, d.probed["Arguments"]["ElseSteps"])),
    ("behind-its-branch", lambda d: d.last.update(DependsOn=[d.fail["Name"]])),
]
NAME = [
    ("step-twice", lambda d: d.body["Steps"].append({**deepcopy(d.fail)})),
    ("branches-alike", lambda d: d.fail.update(Name=d.register["Name"])),
    ("parameter-twice", lambda d: d.body["Parameters"].append(deepcopy(d.body["Parameters"][0]))),
    ("step-unnamed", lambda d: d.fail.update(Name="")),
]
PARAMETER = [
    ("type", lambda d: d.declare("Number", 1)),
    ("number-by-text", lambda d: d.declare("Integer", "1")),
    ("number-by-truth", lambda d: d.declare("Integer", True)),
    ("whole-by-fraction", lambda d: d.declare("Integer", 1.5)),
    ("text-by-number", lambda d: d.declare("String", 1)),
    ("truth-by-text", lambda d: d.declare("Boolean", "true")),
    ("default-outside", lambda d: d.declare("String", "c", EnumValues=["a", "b"])),
    ("values-of-another-type", lambda d: d.declare("String", "a", EnumValues=["a", 1])),
    ("values-none", lambda d: d.declare("String", "a", EnumValues=[])),
    ("default-of-the-run", lambda d: d.declare("String", get("Execution.PipelineName"))),
]
CONDITION = [
    ("type", lambda d: d.choice["Conditions"][0].update(Type="Equal")),
    ("none", lambda d: d.choice.update(Conditions=[])),
    ("nested", lambda d: d.move(d.verdict, d.probed["Arguments"]["IfSteps"])),
    ("nested-in-else", lambda d: d.move(d.verdict, d.probed["Arguments"]["ElseSteps"])),
    ("probe-and-object", lambda d: d.probed["Arguments"]["Conditions"][0].update(RightValue={"Go": True})),
    ("no-else", lambda d: d.choice.pop("ElseSteps")),
    ("branch-null", lambda d: d.choice.update(IfSteps=None)),
    ("one-side", lambda d: d.choice["Conditions"][0].pop("RightValue")),
    ("text-and-number", lambda d: d.decide("LessThan", LeftValue=d.declare("String", "1"), RightValue=1)),
    ("truth-and-number", lambda d: d.decide("Equals", LeftValue=True, RightValue=1)),
    ("object", lambda d: d.decide("Equals", LeftValue=d.of("ProcessingResources"), RightValue="x")),
    ("in-no-list", lambda d: d.decide("In", QueryValue="a", Values="abc")),
    ("in-another-type", lambda d: d.decide("In", QueryValue=d.declare("Integer", 1), Values=[1, "2"])),
    ("not-of-nothing", lambda d: d.decide("Not")),
    ("or-of-nothing", lambda d: d.decide("Or", Conditions=[])),
    ("not-inside", lambda d: d.decide("Not", Expression={"Type": "Equals", "LeftValue": "a", "RightValue": 1})),
]
FAIL = [
    ("silent", lambda d: d.fail.update(Arguments={})),
    ("empty", lambda d: d.fail["Arguments"].update(ErrorMessage="")),
    ("number", lambda d: d.fail["Arguments"].update(ErrorMessage=d.declare("Integer", 7))),
]
CACHE = [
    ("words", lambda d: d.train.update(CacheConfig={"Enabled": True, "ExpireAfter": "30 days"})),
    ("seconds", lambda d: d.train.update(CacheConfig={"Enabled": True, "ExpireAfter": "PT30S"})),
    ("empty", lambda d: d.train.update(CacheConfig={"Enabled": True, "ExpireAfter": "P"})),
    ("no-end", lambda d: d.train.update(CacheConfig={"Enabled": True})),
    ("number", lambda d: d.train.update(CacheConfig={"Enabled": True, "ExpireAfter": 30})),
    ("text", lambda d: d.train.update(CacheConfig={"Enabled": "true", "ExpireAfter": "P30D"})),
    ("unknown", lambda d: d.train.update(CacheConfig={"Enabled": True, "ExpireAfter": "P1D", "Scope": "all"})),
    ("registration", lambda d: d.register.update(CacheConfig={"Enabled": True, "ExpireAfter": "P30D"})),
    ("verdict", lambda d: d.verdict.update(CacheConfig={"Enabled": False})),
]
RETRY = [
    ("verdict", lambda d: d.verdict.update(RetryPolicies=[POLICY])),
    ("no-list", lambda d: d.train.update(RetryPolicies=POLICY)),
    ("text", lambda d: d.train.update(RetryPolicies=[POLICY | {"ExceptionType": "Step.THROTTLING"}])),
    ("exception", lambda d: d.train.update(RetryPolicies=[POLICY | {"ExceptionType": ["Step.TIMEOUT"]}])),
    ("attempts", lambda d: d.train.update(RetryPolicies=[POLICY | {"MaxAttempts": 21}])),
    ("interval", lambda d: d.train.update(RetryPolicies=[POLICY | {"IntervalSeconds": 1.5}])),
    ("backoff", lambda d: d.train.update(RetryPolicies=[POLICY | {"BackoffRate": "2"}])),
    ("both-ends", lambda d: d.train.update(RetryPolicies=[POLICY | {"ExpireAfterMin": 10}])),
    ("unknown", lambda d: d.train.update(RetryPolicies=[POLICY | {"MaxRetries": 3}])),
    ("no-object", lambda d: d.train.update(RetryPolicies=["Step.THROTTLING"])),
]
JOB = [
    ("input-elsewhere", lambda d: d.source.update(LocalPath="/opt/ml/input/data")),
    ("output-elsewhere", lambda d: d.target.update(LocalPath="/var/out")),
    ("path-behind-a-gap", lambda d: d.source.update(LocalPath=f"/data/{BUCKET}")),
    ("path-missing", lambda d: d.source.pop("LocalPath")),
    ("month", lambda d: d.fit["StoppingCondition"].update(MaxRuntimeInSeconds=29 * 86_400)),
    ("spot", lambda d: d.fit["StoppingCondition"].update(MaxWaitTimeInSeconds=60)),
    ("no-algorithm", lambda d: d.fit["AlgorithmSpecification"].pop("TrainingImage")),
    ("two-algorithms", lambda d: d.fit["AlgorithmSpecification"].update(AlgorithmName="xgboost")),
    ("no-group", lambda d: d.model.pop("ModelPackageGroupName")),
]
SHAPE = [
    ("no-steps", lambda d: d.body.update(Steps=[])),
    ("steps-by-name", lambda d: d.body.update(Steps={"train": d.train})),
    ("text", lambda d: d.body["Steps"].append("register")),
    ("no-arguments", lambda d: d.fail.pop("Arguments")),
    ("no-type", lambda d: d.fail.pop("Type")),
    ("parameters", lambda d: d.body.update(Parameters={})),
    ("parameter", lambda d: d.body["Parameters"].append({"Name": "New"})),
]
REST = {
    "pipelines.size": [("metadata", lambda d: d.body.update(Metadata={"notes": "x" * 1_048_576}))],
    "pipelines.step_type": [("lambda", lambda d: d.fail.update(Type="Lambda"))],
}
GROUPS = {
    "pipelines.cache": CACHE,
    "pipelines.condition": CONDITION,
    "pipelines.enum": ENUM,
    "pipelines.fail": FAIL,
    "pipelines.job": JOB,
    "pipelines.maximum": MAXIMUM,
    "pipelines.name": NAME,
    "pipelines.order": ORDER,
    "pipelines.parameter": PARAMETER,
    "pipelines.pattern": PATTERN,
    "pipelines.property_file": PROPERTY_FILE,
    "pipelines.reference": REFERENCE,
    "pipelines.request": REQUEST,
    "pipelines.retry": RETRY,
    "pipelines.shape": SHAPE,
    "pipelines.type": TYPE,
    **REST,
}
MUTANTS = [
    Mutant(f"{rule.removeprefix('pipelines.')}-{name}", rule, change)
    for rule, rows in GROUPS.items()
    for name, change in rows
]

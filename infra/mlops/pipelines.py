"""Pipeline definitions: from the stages of `dvc.yaml` to SageMaker's JSON. Pure; values may be Pulumi outputs.

The stages, their order and their data flow stand in `dvc.yaml` alone; what a stage needs on AWS stands in its `meta`:
`kind` (processing, training, register), `instance_type`, `volume_gb`, `timeout_minutes`, and `tracks: true` for a stage
that writes to the tracking server. A step finds what a stage before it made under `/opt/ml/processing/in/STAGE` (a
training step: the channel STAGE), laid out as in the repository, and leaves its own under `/opt/ml/processing/out`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from mlops.environment import Environment

__all__ = ["MONITOR", "Jobs", "Stage", "monitor_definition", "stages", "training_definition"]

ROOT = "/opt/ml/processing"
VERSION = "2020-12-01"
DEFAULTS = {
    "Reason": "manual",
    "DataUntil": "",
    "WindowsDays": "",
    "Champion": "none",
}
"""Parameters of a training run, as the controller gives them; the defaults are those of a run started by hand."""


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "prepare": (
        *("--as-of", {"Get": "Parameters.DataUntil"}),
        *("--windows-days", {"Get": "Parameters.WindowsDays"}),
    ),
}
"""What a stage is told of the run, beside its own parameters; an empty text leaves those as they are."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of `dvc.yaml`, as far as AWS is concerned."""

    name: str
    kind: Literal["processing", "training", "register"]
    needs: tuple[str, ...] = ()
    """Stages whose results it reads."""
    reads_data: bool = False
    """Whether it reads versioned data, and not only what earlier stages made."""
    instance_type: str = ""
    volume_gb: int = 0
    timeout_minutes: int = 0
    tracks: bool = False
    """Whether it writes to the tracking server."""
    cached: bool = True
    """False for a stage whose outputs DVC keeps (`persist`): its answer depends on the champion, which is no file."""


MONITOR = Stage(
    name="monitor",
    kind="processing",
    instance_type="ml.m5.large",
    volume_gb=30,
    timeout_minutes=60,
    cached=False,
)


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What the jobs of a pipeline have in common."""

    environment: Environment
    role_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    data_uri: pulumi.Input[str]
    """`s3://` prefix of the versioned data."""
    artifacts_uri: pulumi.Input[str]
    """`s3://` prefix of everything that runs make."""
    tracked: bool = False
    """Whether there is a tracking server."""


def stages(document: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Return the stages of a parsed `dvc.yaml`, in its order.

    Raises:
        ValueError: A stage says too little for AWS, or reads what a later stage makes; names the stage.
    """
    maker: dict[str, str] = {}
    found = []
    for name, stage in document["stages"].items():
        outs = [_path(out) for out in (*stage.get("outs", ()), *stage.get("metrics", ()))]
        needs, data = [], False
        for dependency in stage.get("deps", ()):
            data |= dependency.startswith("data/") and dependency not in maker
            if dependency in maker and maker[dependency] not in needs:
                needs.append(maker[dependency])
        found.append(_stage(name, stage, tuple(needs), reads_data=data))
        maker |= dict.fromkeys(outs, name)
    return tuple(found)


def training_definition(
    found: Sequence[Stage], jobs: Jobs, *, group_name: pulumi.Input[str], approval: str
) -> dict[str, Any]:
    """Return the definition of the training pipeline.

    Args:
        found: The stages of `dvc.yaml`.
        jobs: What they have in common.
        group_name: Model package group that a model is registered in once every gate has passed.
        approval: `auto` registers as Approved, `manual` as PendingManualApproval.
    """
    steps = [_job(stage, jobs) for stage in found if stage.kind != "register"]
    names = {stage.name for stage in found}
    if "gates" in names:
        steps[-1]["PropertyFiles"] = [
            {"PropertyFileName": "Gates", "OutputName": "out", "FilePath": "reports/gates.json"}
        ]
        register = _register(found, jobs, group_name, "Approved" if approval == "auto" else "PendingManualApproval")
        steps.append(_verdict(register))
    defaults: dict[str, pulumi.Input[str]] = {**DEFAULTS, "DataUri": jobs.data_uri}
    parameters = [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in defaults.items()]
    return {"Version": VERSION, "Metadata": {}, "Parameters": parameters, "Steps": steps}


def monitor_definition(jobs: Jobs, *, capture_uri: pulumi.Input[str], namespace: str, endpoint: str) -> dict[str, Any]:
    """Return the definition of the monitor pipeline: one job that reads what was captured and what became of it.

    Args:
        jobs: What it has in common with the jobs of the training pipeline.
        capture_uri: `s3://` prefix of captured requests.
        namespace: CloudWatch namespace that it publishes in.
        endpoint: The one dimension of what it publishes.
    """
    step = _job(MONITOR, jobs)
    step["Arguments"]["AppSpecification"]["ContainerArguments"] += ["--namespace", namespace, "--endpoint", endpoint]
    # It publishes metrics itself, so it cannot be cut off from the network as the others are.
    step["Arguments"]["NetworkConfig"]["EnableNetworkIsolation"] = False
    step["Arguments"]["ProcessingInputs"] = [
        _input("capture", capture_uri),
        _input("data", {"Get": "Parameters.DataUri"}),
    ]
    parameters = [{"Name": "DataUri", "Type": "String", "DefaultValue": jobs.data_uri}]
    return {"Version": VERSION, "Metadata": {}, "Parameters": parameters, "Steps": [step]}


def _stage(name: str, stage: Mapping[str, Any], needs: tuple[str, ...], *, reads_data: bool) -> Stage:
    meta = stage.get("meta") or {}
    kept = any(
        isinstance(out, dict) and any(options.get("persist") for options in out.values())
        for out in stage.get("outs", ())
    )
    if meta.get("kind") not in {"processing", "training", "register"}:
        raise ValueError(f"dvc.yaml, stage {name}: meta.kind is one of processing, training, register")
    if (
        missing := {"instance_type", "volume_gb", "timeout_minutes"} - set(meta)
        if meta["kind"] != "register"
        else set()
    ):
        raise ValueError(f"dvc.yaml, stage {name}: meta lacks {', '.join(sorted(missing))}")
    if unknown := set(meta) - {"kind", "instance_type", "volume_gb", "timeout_minutes", "tracks"}:
        raise ValueError(f"dvc.yaml, stage {name}: meta knows no {', '.join(sorted(unknown))}")
    return Stage(name=name, needs=needs, reads_data=reads_data, cached=not kept, **meta)


def _path(out: str | Mapping[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def _job(stage: Stage, jobs: Jobs) -> dict[str, Any]:
    arguments = _training(stage, jobs) if stage.kind == "training" else _processing(stage, jobs)
    step: dict[str, Any] = {"Name": stage.name, "Type": stage.kind.title(), "Arguments": arguments}
    if stage.cached:
        step["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P30D"}
    return step


def _processing(stage: Stage, jobs: Jobs) -> dict[str, Any]:
    isolated = not (jobs.tracked and stage.tracks)
    return {
        "AppSpecification": {
            "ImageUri": jobs.environment.image,
            "ContainerArguments": [stage.name, *ARGUMENTS.get(stage.name, ())],
        },
        "Environment": dict(jobs.environment.variables),
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": True,
            "EnableNetworkIsolation": isolated,
            **jobs.environment.vpc_config(),
        },
        "ProcessingInputs": [_input(name, uri) for name, uri in _sources(stage).items()],
        "ProcessingOutputConfig": {"KmsKeyId": jobs.key_arn, "Outputs": [_output(stage, jobs)]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": stage.instance_type,
                "VolumeKmsKeyId": jobs.key_arn,
                "VolumeSizeInGB": stage.volume_gb,
            }
        },
        "RoleArn": jobs.role_arn,
        "StoppingCondition": {"MaxRuntimeInSeconds": stage.timeout_minutes * 60},
    }


def _training(stage: Stage, jobs: Jobs) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "ContainerArguments": [stage.name],
            "TrainingImage": jobs.environment.image,
            "TrainingInputMode": "File",
        },
        "EnableInterContainerTrafficEncryption": True,
        "EnableNetworkIsolation": True,
        "Environment": dict(jobs.environment.variables),
        "InputDataConfig": [
            {
                "ChannelName": name,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataDistributionType": "FullyReplicated",
                        "S3DataType": "S3Prefix",
                        "S3Uri": uri,
                    }
                },
            }
            for name, uri in _sources(stage).items()
        ],
        "OutputDataConfig": {"KmsKeyId": jobs.key_arn, "S3OutputPath": _joined(jobs.artifacts_uri, "models")},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": stage.instance_type,
            "VolumeKmsKeyId": jobs.key_arn,
            "VolumeSizeInGB": stage.volume_gb,
        },
        "RoleArn": jobs.role_arn,
        "StoppingCondition": {"MaxRuntimeInSeconds": stage.timeout_minutes * 60},
        **jobs.environment.vpc_config(),
    }


def _sources(stage: Stage) -> dict[str, Any]:
    """Return where each input of a stage lies: the data, and what earlier stages made."""
    sources: dict[str, Any] = {"data": {"Get": "Parameters.DataUri"}} if stage.reads_data else {}
    for name in stage.needs:
        made = (
            "ModelArtifacts.S3ModelArtifacts"
            if name == "train"
            else "ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"
        )
        sources[name] = {"Get": f"Steps.{name}.{made}"}
    return sources


def _input(name: str, uri: Any) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "LocalPath": str(PurePosixPath(ROOT, "in", name)),
            "S3DataDistributionType": "FullyReplicated",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3Uri": uri,
        },
    }


def _output(stage: Stage, jobs: Jobs) -> dict[str, Any]:
    folder = "reports" if stage is MONITOR else "runs"
    uri = _joined(jobs.artifacts_uri, folder, {"Get": "Execution.PipelineExecutionId"}, stage.name)
    s3 = {"LocalPath": str(PurePosixPath(ROOT, "out")), "S3UploadMode": "EndOfJob", "S3Uri": uri}
    return {"OutputName": "out", "S3Output": s3}


def _joined(*parts: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(parts)}}


def _verdict(register: Mapping[str, Any]) -> dict[str, Any]:
    """Return the step that registers what passed every gate, and ends the run for what did not."""
    passed = {"Std:JsonGet": {"Path": "passed", "PropertyFile": {"Get": "Steps.gates.PropertyFiles.Gates"}}}
    fail = {
        "Name": "refused",
        "Type": "Fail",
        "Arguments": {
            "ErrorMessage": _joined("a gate failed; its figures are in", _out("gates"), "reports/gates.json")
        },
    }
    return {
        "Name": "verdict",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": passed, "RightValue": True}],
            "IfSteps": [register],
            "ElseSteps": [fail],
        },
    }


def _register(found: Sequence[Stage], jobs: Jobs, group_name: pulumi.Input[str], status: str) -> dict[str, Any]:
    trained = next(stage.name for stage in found if stage.kind == "training")
    model = {"Get": f"Steps.{trained}.ModelArtifacts.S3ModelArtifacts"}
    gates = {"Get": "Steps.gates.PropertyFiles.Gates"}
    told = ("artefact_sha256", "model_sha256")  # of the archive, which the deployer checks; of the model in it
    hashes = {name: {"Std:JsonGet": {"Path": name, "PropertyFile": gates}} for name in told}
    return {
        "Name": "register",
        "Type": "RegisterModel",
        "Arguments": {
            "CustomerMetadataProperties": {
                **hashes,
                "champion": {"Get": "Parameters.Champion"},
                "execution": {"Get": "Execution.PipelineExecutionArn"},
                "reason": {"Get": "Parameters.Reason"},
            },
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Environment": dict(jobs.environment.variables),
                        "Image": jobs.environment.image,
                        "ModelDataUrl": model,
                    }
                ],
                "SupportedContentTypes": ["application/json", "text/csv"],
                "SupportedResponseMIMETypes": ["application/json", "text/csv"],
            },
            "ModelApprovalStatus": status,
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": _joined(_out("evaluate"), "reports/metrics.json"),
                    }
                }
            },
            "ModelPackageGroupName": group_name,
        },
    }


def _out(stage: str) -> dict[str, Any]:
    return {"Get": f"Steps.{stage}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}

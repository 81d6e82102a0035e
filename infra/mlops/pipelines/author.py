"""The pipelines, written with the SageMaker SDK. Only `make compile` needs it: nothing else here imports this module.

What differs between stacks stands in the result as a placeholder (`compiled.py` names and fills them). The SDK wants
values that look real, so it is given samples, and these are taken out of what it wrote.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import boto3
from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, Networking, OutputDataConfig, StoppingCondition

from mlops.pipelines.stages import MONITOR, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["monitor", "training"]

REGION, ACCOUNT = "eu-west-1", "123456789012"
DIGEST = "0" * 64
SAMPLES = {
    f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/image@sha256:{DIGEST}": "${image}",
    f"arn:aws:iam::{ACCOUNT}:role/job": "${role_arn}",
    f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{DIGEST[:36]}": "${key_arn}",
    "s3://artifacts": "${artifacts_uri}",
    "s3://capture": "${capture_uri}",
    "s3://data": "${data_uri}",
    "s3://labels": "${labels_uri}",
    "s3://logged": "${logged_uri}",
    "s3://none": "${no_champion_uri}",
    "s3://state": "${state_uri}",
    "group": "${group_name}",
    "namespace": "${namespace}",
    "endpoint": "${endpoint}",
    "sg-0": "${security_group_ids}",
    "subnet-0": "${subnet_ids}",
}
IMAGE, ROLE, KEY, ARTIFACTS, CAPTURE, DATA, LABELS, LOGGED, NO_CHAMPION, STATE, *_NAMES = SAMPLES
GROUP, NAMESPACE, ENDPOINT, SECURITY_GROUP, SUBNET = _NAMES
ENVIRONMENT = {"${environment}": ""}
"""The one environment's variables; the object as a whole is replaced."""
WHOLE: dict[str, Any] = {"Environment": ENVIRONMENT, "ModelApprovalStatus": "${approval_status}"}
"""Members that are the stack's as a whole. What the SDK writes into the environment of a registered model is meant for
AWS's own containers."""
PROBE, GATES = "probe", "gates"
DECIDING = (PROBE, GATES)
"""Stages that are given the champion, and whose reports the pipeline decides by."""
ROOT = PurePosixPath("/opt/ml/processing")
MEDIA = ["application/json", "text/csv"]
LINEAGE = (
    "artefact_sha256",
    "model_sha256",
    "data_sha256",
    "window_sha256",
    "git_commit",
    "lock_sha256",
    "train_until",
)
"""What `reports/gates.json` says a version is made of. The first is of the archive, which the deployer checks."""
TRIES = 3
NOISE: tuple[tuple[str, Any], ...] = (("Bias", {}), ("Explainability", {}), ("SkipModelValidation", "None"))
"""What the SDK writes of members that it was not given."""


def training(stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the definition of the training pipeline, as `compiled.fill` takes it.

    Args:
        stages: The stages of `dvc.yaml`: jobs, then `gates`, then one to register. What follows the stage `probe` runs
            only where that says so.
    """
    author = _Author()
    for stage in (stage for stage in stages if stage.kind != "register"):
        author.add(stage)
    jobs, names = list(author.steps.values()), list(author.steps)
    if PROBE in names:
        first = names.index(PROBE) + 1
        jobs = [*jobs[:first], _worth_it(author, jobs[first:])]
    # Beside the other condition, not in its branch: SageMaker takes no nested conditions. What waits for a step that
    # never runs never runs either.
    return author.definition("training", [*jobs, _verdict(author)])


def monitor() -> dict[str, Any]:
    """Return the definition of the monitor pipeline: one job that reads what was captured and what became of it."""
    author = _Author(parameters={})
    told = [MONITOR.name, "--namespace", NAMESPACE, "--endpoint", ENDPOINT]
    told += ["--capture", CAPTURE, "--labels", LABELS, "--state", STATE]
    told += ["--labelled", LOGGED, "--report", f"{ARTIFACTS}/reports"]
    # It calls AWS itself, so it cannot be cut off from the network as the others are: of what was captured it reads
    # some hours, and a report has to stay although the job then fails.
    author.add(MONITOR, told=told, folder=None, isolated=False)
    return author.definition("monitor", list(author.steps.values()))


RUN = {
    "Reason": "manual",
    "DataFrom": "",
    "DataUntil": "",
    "WindowsDays": "",
    "DataVersion": None,
    "DataUri": DATA,
    "Champion": "none",
    "ChampionUri": NO_CHAMPION,
}
"""What a training run is told, and what counts where it is not told.

`DataVersion` has no default: the cache knows the arguments of a step and not what lies in a bucket, so who starts a
run has to name the state that the data is in.
"""


class _Author:
    """Writes the steps of one pipeline."""

    def __init__(self, parameters: dict[str, str | None] = RUN) -> None:
        self.session = _Offline(
            boto_session=boto3.Session(region_name=REGION),
            default_bucket="artifacts",
            sagemaker_config={
                "SchemaVersion": "1.0",
                "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
            },
        )
        self.parameters = {name: ParameterString(name, default_value=value) for name, value in parameters.items()}
        self.steps: dict[str, ProcessingStep | TrainingStep] = {}
        self.stages: dict[str, Stage] = {}
        self.files: dict[str, PropertyFile] = {}

    def add(
        self,
        stage: Stage,
        sources: dict[str, Any] | None = None,
        told: Sequence[Any] | None = None,
        *,
        folder: str | None = "runs",
        isolated: bool | str = True,
    ) -> None:
        """Write the job of a stage; without a folder of its own, its results go where it puts them itself."""
        sources = sources or self._sources(stage)
        isolated = "${isolated}" if stage.tracks else isolated
        cache = CacheConfig(enable_caching=True, expire_after="P30D") if stage.cached else None
        how = {"name": stage.name, "cache_config": cache, "retry_policies": _retries()}
        if stage.kind == "training":
            step = TrainingStep(step_args=self._trained(stage, sources), **how)
        else:
            words = told or [stage.name, *self._told(stage)]
            job = self._processed(stage, sources, words, folder=folder, isolated=isolated)
            step = ProcessingStep(step_args=job, property_files=self._verdicts(stage), **how)
        self.steps[stage.name], self.stages[stage.name] = step, stage

    def made(self, stage: str) -> Any:
        """Return where the results of a stage before lie."""
        properties = self.steps[stage].properties
        if self.stages[stage].kind == "training":
            return properties.ModelArtifacts.S3ModelArtifacts
        return properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri

    def said(self, stage: str, path: str) -> JsonGet:
        """Return what the report of `gates` or `probe` says under a name."""
        return JsonGet(step_name=stage, property_file=self.files[stage], json_path=path)

    def definition(self, name: str, steps: list[Any]) -> dict[str, Any]:
        """Return what the SDK writes, without its samples and without what it adds for containers of its own."""
        pipeline = Pipeline(
            name=name, parameters=list(self.parameters.values()), steps=steps, sagemaker_session=self.session
        )
        written = json.loads(pipeline.definition())
        kept = {key: written[key] for key in ("Version", "Metadata", "Parameters", "Steps")}
        return _placeholders(kept)

    def _sources(self, stage: Stage) -> dict[str, Any]:
        sources: dict[str, Any] = {"data": self.parameters["DataUri"]} if stage.reads_data else {}
        sources |= {name: self.made(name) for name in stage.needs}
        if stage.name in DECIDING:
            sources["champion"] = self.parameters["ChampionUri"]
        return sources | ({"logged": LOGGED} if stage.name == PROBE else {})

    def _told(self, stage: Stage) -> list[Any]:
        """Return what a stage is told of the run, beside its own parameters; an empty text leaves those as they are."""
        known = self.parameters
        told: dict[str, list[Any]] = {
            "prepare": [
                *("--since", known["DataFrom"], "--as-of", known["DataUntil"]),
                *("--windows-days", known["WindowsDays"], "--data-version", known["DataVersion"]),
            ],
            PROBE: ["--champion", "--reason", known["Reason"], "--windows-days", known["WindowsDays"]],
            GATES: ["--champion"],
        }
        return told.get(stage.name, [])

    def _verdicts(self, stage: Stage) -> list[PropertyFile]:
        if stage.name not in DECIDING:
            return []
        name = stage.name
        self.files[name] = PropertyFile(name=name.title(), output_name="out", path=f"reports/{name}.json")
        return [self.files[name]]

    def _processed(
        self, stage: Stage, sources: dict[str, Any], told: Sequence[Any], *, folder: str | None, isolated: bool | str
    ) -> Any:
        processor = Processor(
            role=ROLE,
            image_uri=IMAGE,
            instance_count=stage.instance_count,
            instance_type=stage.instance_type,
            volume_size_in_gb=stage.volume_gb,
            volume_kms_key=KEY,
            output_kms_key=KEY,
            max_runtime_in_seconds=stage.timeout_minutes * 60,
            sagemaker_session=self.session,
            env=ENVIRONMENT,
            network_config=NetworkConfig(
                enable_network_isolation=isolated,
                security_group_ids=[SECURITY_GROUP],
                subnets=[SUBNET],
                encrypt_inter_container_traffic=True,
            ),
        )
        uri = Join(on="/", values=[ARTIFACTS, folder, ExecutionVariables.PIPELINE_EXECUTION_ID, stage.name])
        output = ProcessingS3Output(s3_uri=uri, local_path=str(ROOT / "out"), s3_upload_mode="EndOfJob")
        return processor.run(
            inputs=[_input(name, uri) for name, uri in sources.items()],
            outputs=[ProcessingOutput(output_name="out", s3_output=output)] if folder else [],
            arguments=list(told),
        )

    def _trained(self, stage: Stage, sources: dict[str, Any]) -> Any:
        trainer = ModelTrainer(
            role=ROLE,
            training_image=IMAGE,
            sagemaker_session=self.session,
            environment=ENVIRONMENT,
            compute=Compute(
                instance_type=stage.instance_type,
                instance_count=stage.instance_count,
                volume_size_in_gb=stage.volume_gb,
                volume_kms_key_id=KEY,
            ),
            networking=Networking(
                security_group_ids=[SECURITY_GROUP],
                subnets=[SUBNET],
                enable_network_isolation=True,
                enable_inter_container_traffic_encryption=True,
            ),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=stage.timeout_minutes * 60),
            output_data_config=OutputDataConfig(s3_output_path=f"{ARTIFACTS}/models", kms_key_id=KEY),
            input_data_config=[InputData(channel_name=name, data_source=uri) for name, uri in sources.items()],
        )
        return trainer.train()


def _worth_it(author: _Author, steps: list[Any]) -> ConditionStep:
    """Return the step that goes on where the probe says so; where it does not, the run has done all that it should."""
    go = ConditionEquals(left=author.said(PROBE, "go"), right=True)
    return ConditionStep(name="worth-it", conditions=[go], if_steps=steps, else_steps=[])


def _verdict(author: _Author) -> ConditionStep:
    """Return the step that registers what passed every gate, and ends the run with the reason for what did not."""
    refused = FailStep("refused", error_message=Join(on=": ", values=["not registered", author.said(GATES, "reason")]))
    return ConditionStep(
        name="verdict",
        conditions=[ConditionEquals(left=author.said(GATES, "passed"), right=True)],
        if_steps=[_register(author)],
        else_steps=[refused],
    )


def _register(author: _Author) -> ModelStep:
    (trained,) = (name for name, stage in author.stages.items() if stage.kind == "training")
    known = author.parameters
    builder = ModelBuilder(
        s3_model_data_url=author.made(trained), image_uri=IMAGE, role_arn=ROLE, sagemaker_session=author.session
    )
    told = {
        **{name: author.said(GATES, name) for name in LINEAGE},
        "champion": known["Champion"],
        "data_version": known["DataVersion"],
        "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
        "reason": known["Reason"],
    }
    baseline = _report(author, "baseline")
    package = builder.register(
        model_package_group_name=GROUP,
        content_types=MEDIA,
        response_types=MEDIA,
        approval_status="PendingManualApproval",
        model_metrics=ModelMetrics(model_statistics=_report(author, "metrics"), model_data_statistics=baseline),
        drift_check_baselines=DriftCheckBaselines(model_data_statistics=baseline),
        customer_metadata_properties=told,
    )
    return ModelStep("register", step_args=package)


def _report(author: _Author, name: str) -> MetricsSource:
    uri = Join(on="/", values=[author.made("evaluate"), f"reports/{name}.json"])
    return MetricsSource(content_type="application/json", s3_uri=uri)


def _input(name: str, uri: Any) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=uri,
        local_path=str(ROOT / "in" / name),
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="FullyReplicated",
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _retries() -> list[Any]:
    """Try again what AWS itself was short of; a job that failed by its own fault would only fail again."""
    service = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [
        StepRetryPolicy(exception_types=service, interval_seconds=10, max_attempts=TRIES),
        SageMakerJobStepRetryPolicy(
            exception_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
            failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
            interval_seconds=300,
            max_attempts=TRIES,
        ),
    ]


def _placeholders(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if (key, inner) not in NOISE}
        return {key: WHOLE[key] if key in WHOLE else _placeholders(inner) for key, inner in kept.items()}
    if isinstance(value, list):
        return [_placeholders(inner) for inner in value]
    if isinstance(value, str):
        head, slash, tail = value.rpartition("/")
        return SAMPLES.get(value) or (f"{SAMPLES[head]}{slash}{tail}" if head in SAMPLES else value)
    return value


# The SDK is not there where types are checked.
class _Offline(PipelineSession):  # type: ignore[misc]
    """Looks up no bucket and uploads nothing: there is nothing to upload, all code is in the image."""

    def default_bucket(self) -> str:
        return str(self._default_bucket_name_override)

"""`loopwright:training:TrainingPipeline`: the stages of `dvc.yaml` as a SageMaker pipeline.

Children: one SageMaker pipeline, and the object that the probe and the gates are given while there is no champion.
Costs: nothing by itself; a run costs its jobs' instances by the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import s3, sagemaker

from mlops.pipelines.compiled import training_definition

if TYPE_CHECKING:
    from mlops.naming import Names
    from mlops.pipelines.compiled import Jobs

__all__ = ["TrainingPipeline", "TrainingPipelineArgs"]


@dataclass(frozen=True, kw_only=True)
class TrainingPipelineArgs:
    """Inputs of `TrainingPipeline`."""

    names: Names
    """The stack's names."""
    jobs: Jobs
    """What its jobs have in common."""
    pipeline_role_arn: pulumi.Input[str]
    """Role that starts the jobs and registers the model."""
    group_name: pulumi.Input[str]
    """Model package group to register in."""
    approval: str
    """`auto` or `manual`."""


class TrainingPipeline(pulumi.ComponentResource):
    """The pipeline that the controller starts."""

    pipeline_name: pulumi.Output[str]
    """Name of the pipeline."""

    def __init__(self, name: str, args: TrainingPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:training:TrainingPipeline", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # A job cannot be given an empty place.
        nobody = s3.BucketObjectv2(
            f"{name}-no-champion",
            bucket=args.jobs.artifacts_bucket,
            key="models/none/README.txt",
            content="There is no champion yet.\n",
            content_type="text/plain",
            opts=child,
        )
        definition = training_definition(
            args.jobs,
            group_name=args.group_name,
            approval=args.approval,
            no_champion_uri=pulumi.Output.concat(args.jobs.artifacts_uri, "/", nobody.key),
        )
        pipeline = sagemaker.Pipeline(
            f"{name}-pipeline",
            pipeline_name=args.names.of("training"),
            pipeline_display_name=args.names.of("training"),
            pipeline_description="prepare, probe, train, evaluate, gates, register: dvc.yaml on SageMaker",
            role_arn=args.pipeline_role_arn,
            pipeline_definition=pulumi.Output.json_dumps(definition, sort_keys=True),
            parallelism_configuration={"max_parallel_execution_steps": 2},
            opts=child,
        )
        self.pipeline_name = pipeline.pipeline_name
        self.register_outputs({"pipeline_name": self.pipeline_name})

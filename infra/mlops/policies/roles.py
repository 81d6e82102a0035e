"""What each role may do: one function a duty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.alarms import ROLLBACK
from mlops.policies.statements import Document, Statement, allow, document

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = [
    "controller",
    "delivery",
    "deployer",
    "features",
    "monitoring",
    "pipeline",
    "preview",
    "retrain",
    "scheduler",
    "serving",
    "tracking",
    "training",
]


def training(names: Names) -> Document:
    """Jobs of the training pipeline: read the curated data, labelled answers and earlier results, write results."""
    return document(
        *_read(names, "data", "Data", "data/*"),
        *_read(names, "capture", "Labelled", "labelled/*"),
        *_read(names, "artifacts", "Results", "runs/*", "models/*"),
        _write(names, "artifacts", "WriteResults", "runs/*", "models/*"),
        *_run_image(names, "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs"),
    )


def monitoring(names: Names) -> Document:
    """Jobs of the monitor pipeline: read what was captured and labelled, and what serves; keep and tell findings."""
    capture, artifacts = names.bucket_arn("capture"), names.bucket_arn("artifacts")
    versions = [names.arn("sagemaker", f"{kind}/{names.prefix}-*") for kind in ("model", "endpoint-config")]
    return document(
        *_read(names, "capture", "Captured", "requests/*", "state/*"),
        *_read(names, "data", "Labels", "labels/*"),
        *_read(names, "artifacts", "Reports", "reports/*"),
        allow("Model", ["s3:GetObject"], f"{artifacts}/models/*"),
        # Objects in one piece: there is no multipart upload to abort.
        allow("Keep", ["s3:PutObject"], f"{capture}/state/*", f"{capture}/labelled/*", f"{artifacts}/reports/*"),
        allow("Endpoint", ["sagemaker:DescribeEndpoint"], names.arn("sagemaker", f"endpoint/{names.prefix}")),
        allow("Serves", ["sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel"], *versions),
        *_run_image(names, "/aws/sagemaker/ProcessingJobs"),
        _publish(names.namespace),
    )


def serving(names: Names) -> Document:
    """The endpoint: fetch the model, write what is captured."""
    return document(
        *_read(names, "artifacts", "Models", "models/*"),
        _write(names, "capture", "Capture", "requests/*"),
        *_run_image(names, names.endpoint_log_group),
        # A rollout with automatic rollback looks at its alarms as this role.
        allow("Rollback", ["cloudwatch:DescribeAlarms"], *map(names.alarm_arn, ROLLBACK)),
    )


def pipeline(names: Names) -> Document:
    """SageMaker Pipelines: start and watch the jobs of our pipelines, register what passed the gates."""
    jobs = [names.arn("sagemaker", f"{kind}/*") for kind in ("processing-job", "training-job")]
    verbs = [
        f"sagemaker:{verb}{kind}Job" for kind in ("Processing", "Training") for verb in ("Create", "Describe", "Stop")
    ]
    packages = names.arn("sagemaker", f"model-package/{names.of('models')}/*")
    group = names.arn("sagemaker", f"model-package-group/{names.of('models')}")
    return document(
        allow(
            "Jobs", [*verbs, "sagemaker:AddTags"], *jobs, when={"StringEquals": {"aws:ResourceAccount": names.account}}
        ),
        allow("Register", ["sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"], packages, group),
        allow("Verdicts", ["s3:GetObject"], f"{names.bucket_arn('artifacts')}/runs/*"),
        *(
            _pass_role(names, duty, "sagemaker.amazonaws.com", sid=f"Pass{duty.title()}")
            for duty in ("training", "monitoring")
        ),
    )


def controller(names: Names, *, data_prefix: str, record_prefix: str) -> Document:
    """The controller: read the state of the loop, start one training run, keep a record of every decision."""
    training_pipeline = names.pipeline_arn("training")
    return document(
        *_run_function(names, "controller"),
        allow(
            "Start",
            ["sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions"],
            training_pipeline,
        ),
        _versions(names),
        allow(
            "Champion",
            ["sagemaker:DescribeModelPackage"],
            names.arn("sagemaker", f"model-package/{names.of('models')}/*"),
        ),
        # DescribeAlarms knows no narrower resource than all alarms of the account.
        allow("Alarms", ["cloudwatch:DescribeAlarms"], names.arn("cloudwatch", "alarm:*")),
        allow("Pause", ["ssm:GetParameter"], names.arn("ssm", f"parameter{names.parameter('paused')}")),
        allow(
            "Spend",
            ["budgets:ViewBudget"],
            f"arn:{names.partition}:budgets::{names.account}:budget/{names.of('budget')}",
        ),
        *_list(names, "data", "NewData", f"{data_prefix}*"),
        # Listed too: of an object that is not there, S3 says to others only that access is denied.
        *_read(names, "artifacts", "Verdicts", "runs/*/probe/reports/probe.json", "runs/*/gates/reports/gates.json"),
        *_record(names, record_prefix),
        _publish(names.namespace),
        allow("Tell", ["sns:Publish"], names.arn("sns", names.of("alerts"))),
    )


def deployer(names: Names, *, record_prefix: str) -> Document:
    """The deployer: make the endpoint serve the newest approved model, and clean up what it made itself."""
    ours = [names.arn("sagemaker", f"{kind}/{names.prefix}-*") for kind in ("model", "endpoint-config")]
    endpoint = names.arn("sagemaker", f"endpoint/{names.prefix}")
    packages = names.arn("sagemaker", f"model-package/{names.of('models')}/*")
    made = [
        f"sagemaker:{verb}{kind}" for kind in ("Model", "EndpointConfig") for verb in ("Create", "Describe", "Delete")
    ]
    return document(
        *_run_function(names, "deployer"),
        allow("Endpoint", ["sagemaker:DescribeEndpoint"], endpoint),
        allow("Versions", [*made, "sagemaker:AddTags"], *ours),
        allow("Update", ["sagemaker:UpdateEndpoint"], endpoint, ours[1]),
        # Both listings know no narrower resource; they are filtered by our prefix.
        allow("Listing", ["sagemaker:ListModels", "sagemaker:ListEndpointConfigs"], "*", when=_in_region(names)),
        _versions(names),
        allow("Packages", ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"], packages),
        allow("Alarms", ["cloudwatch:DescribeAlarms"], names.arn("cloudwatch", "alarm:*")),
        allow("Artefact", ["s3:GetObject"], f"{names.bucket_arn('artifacts')}/models/*"),
        _pass_role(names, "serving", "sagemaker.amazonaws.com"),
        *_record(names, record_prefix),
        _publish(names.namespace),
        allow("Tell", ["sns:Publish"], names.arn("sns", names.of("alerts"))),
    )


def scheduler(names: Names) -> Document:
    """EventBridge Scheduler: start the monitor, wake both handlers, keep what could not be delivered."""
    return document(
        allow("Monitor", ["sagemaker:StartPipelineExecution"], names.pipeline_arn("monitor")),
        allow("Wake", ["lambda:InvokeFunction"], *map(names.function_arn, ("controller", "deployer"))),
        allow("Keep", ["sqs:SendMessage"], names.arn("sqs", names.of("failed"))),
    )


def tracking(names: Names) -> Document:
    """The MLflow server: its own prefix of the artifacts, and nothing of the registry."""
    return document(
        *_read(names, "artifacts", "Artifacts", "mlflow/*"),
        _write(names, "artifacts", "WriteArtifacts", "mlflow/*"),
    )


def features(names: Names) -> Document:
    """The feature store: its own prefix of the data."""
    arn = names.bucket_arn("data")
    return document(
        allow("Bucket", ["s3:GetBucketAcl", "s3:GetBucketLocation"], arn),
        _write(names, "data", "Offline", "features/*"),
    )


def delivery(names: Names) -> Document:
    """The workflow that builds the image: push to this stack's repository."""
    repository = names.arn("ecr", f"repository/{names.of('image')}")
    push = [
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "DescribeImages",
        "GetDownloadUrlForLayer",
    ]
    push += ["InitiateLayerUpload", "PutImage", "UploadLayerPart"]
    return document(
        allow("Push", [f"ecr:{action}" for action in push], repository),
        allow("Login", ["ecr:GetAuthorizationToken"], "*", when=_in_region(names)),
    )


def retrain(names: Names) -> Document:
    """The workflow that asks for a retraining: wake the controller, which decides."""
    return document(allow("Wake", ["lambda:InvokeFunction"], names.function_arn("controller")))


def preview(names: Names) -> Document:
    """The workflow that previews a change: read what this stack owns, no data and no secrets."""
    p = names.prefix
    here = [
        *(
            names.arn("sagemaker", f"{kind}/{p}*")
            for kind in ("endpoint", "endpoint-config", "model", "pipeline", "model-package-group")
        ),
        names.arn("lambda", f"function:{p}-*"),
        names.arn("ecr", f"repository/{p}-*"),
        names.arn("events", f"rule/{p}-*"),
        names.arn("sqs", f"{p}-*"),
        names.arn("sns", f"{p}-*"),
        names.arn("ssm", f"parameter/{names.project}/{names.stack}/*"),
        names.arn("cloudwatch", f"alarm:{p}-*"),
        f"arn:{names.partition}:iam::{names.account}:role/{p}-*",
    ]
    reads = [
        *(
            f"sagemaker:Describe{kind}"
            for kind in ("Endpoint", "EndpointConfig", "Model", "Pipeline", "ModelPackageGroup")
        ),
        "sagemaker:ListTags",
        *("lambda:GetFunction", "lambda:GetPolicy", "lambda:ListTags"),
        *("ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource"),
        *("events:DescribeRule", "events:ListTargetsByRule", "events:ListTagsForResource"),
        *("sqs:GetQueueAttributes", "sqs:ListQueueTags", "sns:GetTopicAttributes", "sns:ListTagsForResource"),
        *("ssm:GetParameter", "ssm:ListTagsForResource"),
        *("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"),
        *("iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"),
    ]
    return document(allow("Read", reads, *here))


def _list(names: Names, role: str, sid: str, *prefixes: str) -> list[Statement]:
    when = {"StringLike": {"s3:prefix": list(prefixes)}} if prefixes else None
    return [allow(f"List{sid}", ["s3:ListBucket"], names.bucket_arn(role), when=when)]


def _read(names: Names, role: str, sid: str, *prefixes: str) -> list[Statement]:
    arn = names.bucket_arn(role)
    objects = [f"{arn}/{prefix}" for prefix in prefixes or ("*",)]
    return [*_list(names, role, sid, *prefixes), allow(f"Read{sid}", ["s3:GetObject"], *objects)]


def _write(names: Names, role: str, sid: str, *prefixes: str) -> Statement:
    arn = names.bucket_arn(role)
    actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
    return allow(sid, actions, *(f"{arn}/{prefix}" for prefix in prefixes))


def _versions(names: Names) -> Statement:
    """Return the right to list the model's versions, by the package that AWS's reference names and the group asked."""
    kinds = (f"model-package/{names.of('models')}/*", f"model-package-group/{names.of('models')}")
    return allow("Listed", ["sagemaker:ListModelPackages"], *(names.arn("sagemaker", kind) for kind in kinds))


def _record(names: Names, prefix: str) -> list[Statement]:
    """Return the right to add to the record of decisions, and to see what was told already."""
    return [
        *_list(names, "artifacts", "Record", f"{prefix}*"),
        allow("Record", ["s3:PutObject"], f"{names.bucket_arn('artifacts')}/{prefix}*"),
    ]


def _run_image(names: Names, *log_groups: str) -> list[Statement]:
    """Return what a container of ours needs to start and to be heard."""
    groups = [names.arn("logs", f"log-group:{group}:*") for group in log_groups]
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        allow("Image", pull, names.arn("ecr", f"repository/{names.of('image')}")),
        allow("Login", ["ecr:GetAuthorizationToken"], "*", when=_in_region(names)),
        allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            *groups,
        ),
    ]


def _run_function(names: Names, handler: str) -> list[Statement]:
    """Return what a Lambda function of ours needs to be heard, traced, and to keep what it could not do."""
    return [
        allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            names.arn("logs", f"log-group:{names.log_group(handler)}:*"),
        ),
        allow("Trace", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*", when=_in_region(names)),
        allow("Keep", ["sqs:SendMessage"], names.arn("sqs", names.of("failed"))),
    ]


def _publish(namespace: str) -> Statement:
    """Return the right to publish metrics: of one namespace, because metrics have no ARN."""
    return allow(
        "Metrics", ["cloudwatch:PutMetricData"], "*", when={"StringEquals": {"cloudwatch:namespace": namespace}}
    )


def _pass_role(names: Names, duty: str, service: str, *, sid: str = "PassRole") -> Statement:
    when = {"StringEquals": {"iam:PassedToService": service}}
    return allow(sid, ["iam:PassRole"], names.role_arn(duty), when=when)


def _in_region(names: Names) -> dict[str, Any]:
    """Return a condition for actions that know no resource: at least they stay in the stack's region."""
    return {"StringEquals": {"aws:RequestedRegion": names.region}}

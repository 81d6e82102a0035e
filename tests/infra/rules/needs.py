"""What a role must be able to do because a service says so, where no code of ours shows it.

What the handlers call is proven by `loopwright check`, from their source. The rest is AWS's own documentation: who
pushes an image, keeps an offline store or a tracking server, writes a container's log, traces a function.
"""

from __future__ import annotations

from rules.plan import ACCOUNT, PARTITION
from rules.registry import rule
from rules.statements import granted

LOG = "logs:CreateLogStream logs:PutLogEvents"
JOB_LOG = f"logs:CreateLogGroup logs:DescribeLogStreams {LOG}"
TRACE = "xray:PutTelemetryRecords xray:PutTraceSegments"
UPLOAD = "ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload"
READ = "sagemaker:Describe"
NEEDS = {
    "controller": [(LOG, "logs:{r}:{a}:log-group:/aws/lambda/{p}-controller:log-stream:x"), (TRACE, "*")],
    "deployer": [(LOG, "logs:{r}:{a}:log-group:/aws/lambda/{p}-deployer:log-stream:x"), (TRACE, "*")],
    "features": [
        ("s3:GetBucketAcl s3:GetBucketLocation", "s3:::{p}-data-{a}"),
        ("s3:AbortMultipartUpload s3:PutObject", "s3:::{p}-data-{a}/features/x"),
    ],
    "monitoring": [
        (JOB_LOG, "logs:{r}:{a}:log-group:/aws/sagemaker/ProcessingJobs:log-stream:x"),
        ("cloudwatch:PutMetricData", "*"),
        (f"{READ}Endpoint", "sagemaker:{r}:{a}:endpoint/{p}"),
        (f"{READ}EndpointConfig {READ}Model", "sagemaker:{r}:{a}:{kind}/{p}-x"),
        ("s3:ListBucket", "s3:::{p}-artifacts-{a}"),
        ("s3:GetObject", "s3:::{p}-artifacts-{a}/models/x"),
        ("s3:GetObject", "s3:::{p}-artifacts-{a}/reports/x"),
    ],
    "preview": [
        (
            f"{READ}Endpoint {READ}EndpointConfig {READ}Model {READ}Pipeline sagemaker:ListTags",
            "sagemaker:{r}:{a}:{kind}/{p}-x",
        ),
        ("lambda:GetFunction lambda:GetPolicy", "lambda:{r}:{a}:function:{p}-controller"),
        ("iam:GetRole iam:GetRolePolicy", "iam::{a}:role/{p}-training"),
    ],
    "push": [
        (
            f"ecr:BatchCheckLayerAvailability {UPLOAD} ecr:PutImage",
            "ecr:{r}:{a}:repository/{p}-image",
        ),
        ("ecr:GetAuthorizationToken", "*"),
    ],
    "serving": [(JOB_LOG, "logs:{r}:{a}:log-group:/aws/sagemaker/Endpoints/{p}:log-stream:x")],
    "tracking": [
        ("s3:ListBucket", "s3:::{p}-artifacts-{a}"),
        ("s3:AbortMultipartUpload s3:GetObject s3:PutObject", "s3:::{p}-artifacts-{a}/mlflow/x"),
    ],
    "training": [
        (JOB_LOG, "logs:{r}:{a}:log-group:/aws/sagemaker/ProcessingJobs:log-stream:x"),
        (JOB_LOG, "logs:{r}:{a}:log-group:/aws/sagemaker/TrainingJobs:log-stream:x"),
    ],
}
"""By the last word of a role's name: actions, and one resource that each must be allowed on."""


@rule("IAM-NEEDS", "AWS docs: what SageMaker, Lambda, ECR, MLflow and the feature store ask of a role")
def needed(plan):
    """Every role may do what its service asks of it."""
    for role in plan.of("aws_iam_role"):
        for actions, form in NEEDS.get(role.physical.removeprefix(f"{plan.prefix}-"), ()):
            for action in actions.split():
                resource = _resource(plan, action, form)
                if not granted(plan, role, action, resource):
                    yield role.address, f"it lacks {action} on {resource}"


def _resource(plan, action, form):
    if form == "*":
        return form
    kind = {"Endpoint": "endpoint", "EndpointConfig": "endpoint-config", "Model": "model", "Pipeline": "pipeline"}
    named = form.format(r=plan.region, a=ACCOUNT, p=plan.prefix, kind=kind.get(action.removeprefix(READ), "pipeline"))
    return f"arn:{PARTITION}:{named}"

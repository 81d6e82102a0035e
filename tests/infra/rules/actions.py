"""Every action that a role of ours may do, by the form of the resources it is done to.

A reviewed list, not a copy: an action that is new to a policy needs a line here, where a reviewer sees it. The forms
are those of AWS's Service Authorization Reference; `test_scanners.py` holds the list against parliament's copy of it.
"""

from __future__ import annotations

import re
from functools import cache

from rules.registry import rule
from rules.statements import statements

FORMS = {
    r"\*": """
        cloudwatch:PutMetricData ecr:GetAuthorizationToken sagemaker:ListEndpointConfigs sagemaker:ListModels
        xray:PutTelemetryRecords xray:PutTraceSegments""",
    r"budgets::\d+:budget/.+": "budgets:ViewBudget",
    r"cloudwatch:[^:]+:\d+:alarm:.+": "cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource",
    r"ecr:[^:]+:\d+:repository/.+": """
        ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:CompleteLayerUpload ecr:DescribeImages
        ecr:DescribeRepositories ecr:GetDownloadUrlForLayer ecr:GetLifecyclePolicy ecr:InitiateLayerUpload
        ecr:ListTagsForResource ecr:PutImage ecr:UploadLayerPart""",
    r"events:[^:]+:\d+:rule/.+": "events:DescribeRule events:ListTagsForResource events:ListTargetsByRule",
    r"iam::\d+:role/.+": """
        iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies iam:PassRole""",
    r"lambda:[^:]+:\d+:function:.+": "lambda:GetFunction lambda:GetPolicy lambda:InvokeFunction lambda:ListTags",
    r"logs:[^:]+:\d+:log-group:.+": """
        logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents""",
    r"s3:::[^/*]+": "s3:GetBucketAcl s3:GetBucketLocation s3:ListBucket",
    r"s3:::[^/*]+/.+": "s3:AbortMultipartUpload s3:GetObject s3:PutObject",
    r"sagemaker:[^:]+:\d+:endpoint/.+": "sagemaker:DescribeEndpoint sagemaker:ListTags sagemaker:UpdateEndpoint",
    r"sagemaker:[^:]+:\d+:endpoint-config/.+": """
        sagemaker:AddTags sagemaker:CreateEndpointConfig sagemaker:DeleteEndpointConfig sagemaker:DescribeEndpointConfig
        sagemaker:ListTags sagemaker:UpdateEndpoint""",
    r"sagemaker:[^:]+:\d+:model/.+": """
        sagemaker:AddTags sagemaker:CreateModel sagemaker:DeleteModel sagemaker:DescribeModel sagemaker:ListTags""",
    r"sagemaker:[^:]+:\d+:model-package/.+": """
        sagemaker:CreateModelPackage sagemaker:DescribeModelPackage sagemaker:ListModelPackages
        sagemaker:UpdateModelPackage""",
    r"sagemaker:[^:]+:\d+:model-package-group/.+": """
        sagemaker:CreateModelPackage sagemaker:DescribeModelPackage sagemaker:DescribeModelPackageGroup
        sagemaker:ListModelPackages sagemaker:ListTags""",
    r"sagemaker:[^:]+:\d+:pipeline/[^/]+": """
        sagemaker:DescribePipeline sagemaker:ListPipelineExecutions sagemaker:ListTags
        sagemaker:StartPipelineExecution""",
    r"sagemaker:[^:]+:\d+:processing-job/.+": """
        sagemaker:AddTags sagemaker:CreateProcessingJob sagemaker:DescribeProcessingJob sagemaker:StopProcessingJob""",
    r"sagemaker:[^:]+:\d+:training-job/.+": """
        sagemaker:AddTags sagemaker:CreateTrainingJob sagemaker:DescribeTrainingJob sagemaker:StopTrainingJob""",
    r"sns:[^:]+:\d+:.+": "sns:GetTopicAttributes sns:ListTagsForResource sns:Publish",
    r"sqs:[^:]+:\d+:.+": "sqs:GetQueueAttributes sqs:ListQueueTags sqs:SendMessage",
    r"ssm:[^:]+:\d+:parameter/.+": "ssm:GetParameter ssm:ListTagsForResource",
}
KNOWN = {action for actions in FORMS.values() for action in actions.split()}


@cache
def forms(action):
    """Return the forms of resources that an action is done to."""
    return [form for form, actions in FORMS.items() if action in actions.split()]


def _is(resource, form):
    return re.fullmatch(form if form == r"\*" else f"arn:[^:]+:{form}", resource) is not None


@rule("IAM-ACTION", "Service Authorization Reference")
def actions(plan):
    """Every action is on the reviewed list, and on a resource of a form that it knows."""
    for policy, statement in statements(plan, "identity"):
        if not statement.allows:
            continue
        for action in statement.actions:
            if action not in KNOWN:
                yield policy.where, f"{statement.sid} allows {action}, which is not on the reviewed list"
            elif not any(_is(resource, form) for resource in statement.resources for form in forms(action)):
                yield policy.where, f"{statement.sid} allows {action} on none of what it knows"
        for resource in statement.resources:
            if not any(_is(resource, form) for action in statement.actions for form in forms(action)):
                yield policy.where, f"{statement.sid} names {resource}, which none of its actions knows"

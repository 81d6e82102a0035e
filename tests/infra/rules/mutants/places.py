"""The resources that the faults are put into, by short names."""

from __future__ import annotations

from rules.faults import policy

DATA, CAPTURE, LOGS = "store-data", "store-capture", "store-logs"
KEY, TOPIC, QUEUE = "aws_kms_key.store-key", "aws_sns_topic.monitor-alerts", "aws_sqs_queue.failed-queue"
CONFIG, MODEL = "aws_sagemaker_endpoint_configuration.serving-config", "aws_sagemaker_model.serving-model"
CONTROLLER, DEPLOYER = "aws_lambda_function.controller-function", "aws_lambda_function.deployer-function"
ALARM, ROLE, POLICY = "aws_cloudwatch_metric_alarm.monitor-", "aws_iam_role.roles-", "aws_iam_role_policy.roles-"
RULE, TARGET = "aws_cloudwatch_event_rule.triggers-", "aws_cloudwatch_event_target.triggers-"
SCHEDULE, PERMISSION = "aws_scheduler_schedule.triggers-", "aws_lambda_permission.triggers-alarmed-permission"
ENDPOINT, MLFLOW = "aws_sagemaker_endpoint.serving-endpoint", "aws_sagemaker_mlflow_tracking_server.tracking-server"
REPOSITORY, FEATURES = "aws_ecr_repository.images-repository", "aws_sagemaker_feature_group.features-group"
GITHUB = "token.actions.githubusercontent.com"
PUSH = "aws_iam_role.delivery-push"
NOBODYS = "999999999999"
"""An account that is none of ours."""


def subject(value):
    """Return a change of the `sub` that the role which pushes images takes; None takes it away."""

    def edit(statements):
        conditions = statements[0]["Condition"]["StringEquals"]
        if value is None:
            del conditions[f"{GITHUB}:sub"]
        elif "*" in value:
            del conditions[f"{GITHUB}:sub"]
            statements[0]["Condition"]["StringLike"] = {f"{GITHUB}:sub": value}
        else:
            conditions[f"{GITHUB}:sub"] = value

    return policy(PUSH, edit)


def part(kind, bucket, name):
    """Return the address of a part of a bucket."""
    return f"aws_s3_bucket_{kind}.{bucket}-{name}"

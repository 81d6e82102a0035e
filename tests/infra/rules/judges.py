"""Judges from outside: checkov, parliament and CloudFormation's schemas, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from rules.plan import STANDING
from rules.reading import META

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
READ_BY_CHECKOV = ("provider", "resource", "data", "variable")
"""The rest of a document checkov 3.3 cannot take as JSON: `terraform.required_version` ends its parser."""


def folder() -> Path:
    """Return where the judges' commands are meant to be."""
    named = os.environ.get("LOOPWRIGHT_JUDGES")
    return Path(named) if named else ROOT / ".venv-judge" / "bin"


def need_judges(*commands: str) -> None:
    """Skip the test without them, or fail it where LOOPWRIGHT_REQUIRE holds the word `terraform`."""
    missing = [command for command in commands or ("checkov", "cfn-lint") if not (folder() / command).is_file()]
    if not missing:
        return
    reason = f"{', '.join(missing)}: not in {folder()}; LOOPWRIGHT_JUDGES names where they are"
    if "terraform" in os.environ.get("LOOPWRIGHT_REQUIRE", "").replace(",", " ").split():
        pytest.fail(reason)
    pytest.skip(reason)


def parliament(documents: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return what parliament has against policy texts: key, issue, detail."""
    return [tuple(each) for each in _python("outside_parliament.py", documents)]


TYPES = {
    "aws_appautoscaling_policy": ("AWS::ApplicationAutoScaling::ScalingPolicy", {"name": "policy_name"}),
    "aws_appautoscaling_target": ("AWS::ApplicationAutoScaling::ScalableTarget", {}),
    "aws_cloudwatch_dashboard": ("AWS::CloudWatch::Dashboard", {}),
    "aws_cloudwatch_event_rule": ("AWS::Events::Rule", {}),
    "aws_cloudwatch_log_group": ("AWS::Logs::LogGroup", {"name": "log_group_name"}),
    "aws_cloudwatch_metric_alarm": ("AWS::CloudWatch::Alarm", {}),
    "aws_ecr_repository": ("AWS::ECR::Repository", {"name": "repository_name"}),
    "aws_iam_role": ("AWS::IAM::Role", {"name": "role_name"}),
    "aws_kms_alias": ("AWS::KMS::Alias", {"name": "alias_name"}),
    "aws_kms_key": ("AWS::KMS::Key", {"deletion_window_in_days": "pending_window_in_days"}),
    "aws_lambda_function": ("AWS::Lambda::Function", {}),
    "aws_lambda_permission": ("AWS::Lambda::Permission", {}),
    "aws_s3_bucket": ("AWS::S3::Bucket", {"bucket": "bucket_name"}),
    "aws_sagemaker_endpoint": ("AWS::SageMaker::Endpoint", {"name": "endpoint_name"}),
    "aws_sagemaker_endpoint_configuration": (
        "AWS::SageMaker::EndpointConfig",
        {"name": "endpoint_config_name", "kms_key_arn": "kms_key_id"},
    ),
    "aws_sagemaker_feature_group": ("AWS::SageMaker::FeatureGroup", {"feature_definition": "feature_definitions"}),
    "aws_sagemaker_mlflow_tracking_server": ("AWS::SageMaker::MlflowTrackingServer", {}),
    "aws_sagemaker_model": ("AWS::SageMaker::Model", {"name": "model_name"}),
    "aws_sagemaker_model_package_group": ("AWS::SageMaker::ModelPackageGroup", {}),
    "aws_sagemaker_pipeline": ("AWS::SageMaker::Pipeline", {}),
    "aws_scheduler_schedule": ("AWS::Scheduler::Schedule", {}),
    "aws_sns_topic": ("AWS::SNS::Topic", {"name": "topic_name"}),
    "aws_sqs_queue": ("AWS::SQS::Queue", {"name": "queue_name"}),
    "aws_ssm_parameter": ("AWS::SSM::Parameter", {"insecure_value": "value"}),
    "aws_subnet": ("AWS::EC2::Subnet", {}),
    "aws_vpc": ("AWS::EC2::VPC", {}),
    "aws_vpc_endpoint": ("AWS::EC2::VPCEndpoint", {}),
}
"""CloudFormation's type, and the few properties that are not named alike."""
TEXTS = {"assume_role_policy", "event_pattern", "pipeline_definition", "policy"}
"""JSON that CloudFormation has as objects of its own, and our rules and parliament judge."""


def schemas(plan) -> tuple[list[tuple[str, str, str]], dict[str, tuple[int, int]]]:
    """Return what CloudFormation's schemas have against a plan; then, by type, how many properties they know or not."""
    given = []
    for resource in plan.resources:
        if resource.type in TYPES:
            kind, other = TYPES[resource.type]
            body = {other.get(name, name): value for name, value in resource.body.items() if name not in TEXTS | META}
            given.append((resource.address, kind, _plain(plan, body)))
    found = _python("outside_cfn.py", {"region": plan.region, "resources": given})
    return [tuple(each) for each in found["found"]], {kind: tuple(pair) for kind, pair in found["counts"].items()}


def _plain(plan, value):
    if isinstance(value, dict):
        return {name: _plain(plan, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(plan, item) for item in value]
    return plan.plain(value) if isinstance(value, str) else value


def _python(script, given):
    words = [folder() / "python", HERE / script]
    done = subprocess.run(words, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Verdict:
    """What checkov said of one folder or plan."""

    failed: frozenset[tuple[str, str]]
    """Ids of checks with the resource that fails each."""
    looked_at: frozenset[str]
    """Resources that at least one check was for."""
    count: int
    """Resources, as checkov counts them; always 0 for `terraform_json`."""
    placed: frozenset[tuple[str, str, str]] = frozenset()
    """The failed with the file that each was found in: reports come in no order that means anything."""


def checkov(*words: str | Path) -> list[Verdict]:
    """Return checkov's verdicts, one for each folder or file it was given; it asks no network."""
    command = [folder() / "checkov", "--skip-download", "--output", "json", "--compact", *words]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp"), "LOG_LEVEL": "ERROR"}  # noqa: S108
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    return [_verdict(report) for report in _documents(done.stdout)]


def written(document: dict, target: Path) -> Path:
    """Write what checkov reads of a document into a folder of its own, and return that."""
    target.mkdir(parents=True, exist_ok=True)
    kept = {name: document[name] for name in READ_BY_CHECKOV if name in document}
    text = json.dumps(kept, indent=1, sort_keys=True)
    for reference, known in STANDING.items():
        text = text.replace(reference, known)
    (target / "main.tf.json").write_text(text, encoding="utf-8")
    return target


def _documents(text):
    """Yield the reports of JSON texts that follow each other."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        found, end = decoder.raw_decode(text)
        yield from found if isinstance(found, list) else [found]
        text = text[end:].strip()


def _verdict(report):
    summary = report.get("summary", report)
    assert not summary.get("parsing_errors"), report
    results = report.get("results", {"failed_checks": [], "passed_checks": []})
    failed = frozenset(map(_pair, results["failed_checks"]))
    every = [*results["failed_checks"], *results["passed_checks"]]
    placed = frozenset((each["file_abs_path"], *_pair(each)) for each in results["failed_checks"])
    return Verdict(failed, frozenset(each["resource"] for each in every), summary["resource_count"], placed)


def _pair(check):
    return check["check_id"], check["resource"]

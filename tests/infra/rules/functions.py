"""Lambda functions and who may invoke them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from rules.plan import ACCOUNT, first, strings
from rules.registry import rule
from rules.statements import granted

RUNTIMES = {"python3.12", "python3.13"}
"""Runtimes that AWS supports until 2028 at least."""
SECRET = re.compile(r"(AKIA|ASIA)[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_\w{30,}|xox[abp]-\w+")
RANDOM = re.compile(r"[A-Za-z0-9/+]{40}(?![\w/+=-])")
RANDOM_LENGTH = 40
HANDLERS = Path(__file__).parents[3] / "infra" / "mlops" / "handlers"
READ = re.compile(r"variables\.\w+\(\"([A-Z_]+)\"")
SECRET_NAME = re.compile(r"PASSW|SECRET|_TOKEN$|API_?KEY|CREDENTIAL|PRIVATE", re.IGNORECASE)
SHORTEST_SECONDS, LONGEST_SECONDS, MOST_RETRIES = 60, 900, 2


@rule("LAM", "Lambda.2, Lambda.7; T15")
def functions(plan):
    """A function has a living runtime, runs once at a time, is traced, and encrypts its variables."""
    for function in plan.of("aws_lambda_function"):
        if function["runtime"] not in RUNTIMES:
            yield function.address, f"runtime {function['runtime']} is not one that AWS goes on supporting"
        if function["reserved_concurrent_executions"] != 1:
            yield function.address, "two of it may act on the world at once, or none at all"
        if plan.referred(function["kms_key_arn"]) is None:
            yield function.address, "its variables are not encrypted with a key of the stack"
        if function["tracing_config.mode"] != "Active":
            yield function.address, "it is not traced"
        if not SHORTEST_SECONDS <= (function["timeout"] or 3) <= LONGEST_SECONDS:
            yield function.address, "it has no time to look at the world, or more than there is"
    for url in plan.of("aws_lambda_function_url"):
        yield url.address, "a function can be called from outside"


@rule("LAM-DLQ", "AWS docs: asynchronous invocation")
def kept(plan):
    """A function tries a wake-up again for a bounded time, then keeps it in the stack's queue, as its role may."""
    for function in plan.of("aws_lambda_function"):
        queue = plan.referred(function["dead_letter_config.target_arn"])
        if queue is None or queue.type != "aws_sqs_queue":
            yield function.address, "what it fails at is lost"
        elif not granted(plan, plan.referred(function["role"]), "sqs:SendMessage", plan.arn(queue)):
            yield function.address, "its role may not keep what it fails at"
        if not any(_retries(plan, config, function) for config in plan.of("aws_lambda_function_event_invoke_config")):
            yield function.address, "nothing says how often, or how long, a wake-up is tried again"


def _retries(plan, config, function):
    named = plan.referred(config["function_name"]) is function
    times, age = config["maximum_retry_attempts"], config["maximum_event_age_in_seconds"]
    return named and times in range(1, MOST_RETRIES + 1) and isinstance(age, int) and 60 <= age <= 21_600


@rule("LAM-CODE", "a function that cannot start")
def code(plan):
    """A function runs a handler that is there, from an archive whose hash is known."""
    for function in plan.of("aws_lambda_function"):
        module, _, name = str(function["handler"]).rpartition(".")
        source = HANDLERS / f"{module.removeprefix('handlers.')}.py"
        if not source.is_file() or f"def {name}(" not in source.read_text(encoding="utf-8"):
            yield function.address, f"{function['handler']} is no handler"
        if not function["filename"] or not function["source_code_hash"]:
            yield function.address, "nothing says which code it runs"


@rule("SECRET", "Lambda: no secret in variables; T5")
def secrets(plan):
    """No text of the plan looks like a credential, no variable is named like one, and the provider is given none."""
    for name in sorted({"access_key", "secret_key", "token"} & set(plan.provider)):
        yield "provider.aws", f"it holds {name}"
    for resource in plan.resources:
        for where, text in strings(resource.body):
            long = len(text) >= RANDOM_LENGTH and RANDOM.search(_without_hashes(text))
            if found := SECRET.search(text) or long:
                yield resource.address, f"{where} holds {found[0][:6]}..., which looks like a credential"
    for function in plan.of("aws_lambda_function"):
        for name in (first(function["environment"]) or {}).get("variables", {}):
            if SECRET_NAME.search(name):
                yield function.address, f"variable {name} is named like a secret"


def _without_hashes(text):
    """Leave out what is long and random by right: hexadecimal digests, references, paths."""
    text = re.sub(r"\$\{[^}]*\}|[0-9a-f]{40,}", "", text)
    return re.sub(r"[\w./:*-]*[/:][\w./:*-]+", "", text)


@rule("LAM-PERM", "Lambda.1; AWS docs: confused deputy")
def permissions(plan):
    """A function is invoked by one named service, for one named resource of this account."""
    for permission in plan.of("aws_lambda_permission"):
        source = plan.referred(permission["source_arn"])
        if permission["action"] != "lambda:InvokeFunction" or permission["function_url_auth_type"]:
            yield permission.address, f"it allows {permission['action']}"
        if not re.fullmatch(r"[a-z]+\.amazonaws\.com", str(permission["principal"])):
            yield permission.address, f"{permission['principal']} may invoke it"
        if source is None or plan.plain(permission["source_account"]) != ACCOUNT:
            yield permission.address, "any rule, or any account, may invoke it"


@rule("LAM-LOG", "a function that cannot be heard")
def heard(plan):
    """A function's log group is made here, and its role may write to it."""
    for function in plan.of("aws_lambda_function"):
        group = f"/aws/lambda/{function.physical}"
        if group not in {plan.plain(each.physical) for each in plan.of("aws_cloudwatch_log_group")}:
            yield function.address, f"{group} would be made by Lambda, without an end and without a key"
        arn = f"arn:aws:logs:{plan.region}:{ACCOUNT}:log-group:{group}:log-stream:x"
        if not granted(plan, plan.referred(function["role"]), "logs:PutLogEvents", arn):
            yield function.address, "its role may not write its log"


@rule("LAM-VARS", "what a handler is told must be true")
def told(plan):
    """Variables that are JSON can be read; those that name a topic, a bucket or the endpoint name one of the stack."""
    made = {
        "TOPIC_ARN": {plan.arn(topic) for topic in plan.of("aws_sns_topic")},
        "RECORD_BUCKET": {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")},
        "DATA_BUCKET": {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")},
        "ENDPOINT_NAME": {endpoint.physical for endpoint in plan.of("aws_sagemaker_endpoint")},
        "PIPELINE_NAME": {pipeline.physical for pipeline in plan.of("aws_sagemaker_pipeline")},
        "MODEL_PACKAGE_GROUP": {group.physical for group in plan.of("aws_sagemaker_model_package_group")},
        "BUDGET_NAME": {budget.physical for budget in plan.of("aws_budgets_budget")},
        "BASE_CONFIG": {config.physical for config in plan.of("aws_sagemaker_endpoint_configuration")},
        "PAUSE_PARAMETER": {parameter.physical for parameter in plan.of("aws_ssm_parameter")},
        "SERVING_ROLE_ARN": {plan.arn(role) for role in plan.of("aws_iam_role")},
        "METRIC_NAMESPACE": {f"Loop/{plan.prefix}"},
    }
    for function in plan.of("aws_lambda_function"):
        variables = (first(function["environment"]) or {}).get("variables", {})
        if missing := _read_by(function) - set(variables):
            yield function.address, f"its handler reads {', '.join(sorted(missing))}"
        for name, value in variables.items():
            text = plan.plain(value)
            if name in made and text not in made[name]:
                yield function.address, f"{name} is {text}, which the stack does not make"
            if text[:1] in {"{", "["} and not _is_json(text):
                yield function.address, f"{name} is no JSON"


def _read_by(function):
    """Return the variables that a function's handler reads, by its source."""
    handler = HANDLERS / f"{str(function['handler']).split('.')[-2:][0]}.py"
    sources = [handler, HANDLERS / "aws.py"] if handler.is_file() else []
    return {name for source in sources for name in READ.findall(source.read_text(encoding="utf-8"))}


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

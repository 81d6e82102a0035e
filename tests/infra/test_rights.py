"""What the jobs call of AWS, and what their roles grant: the same, both ways.

The monitor calls AWS itself: it is run as it is, against moto, and each of its calls is noted. The other jobs call
nothing; what their roles grant is for SageMaker, which acts in a job's name before it starts and after it ends.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rights import CALLS, NAMES, needed, roles

from lap import environment
from loopwright.wiring.iam import allowed
from repositories import new

ML = Path(__file__).parents[2] / "templates/tabular/{{cookiecutter.project}}/ml"
SCRIPT = Path(__file__).with_name("watching.py")
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": NAMES.region}
CALLERS = {"places.py", "served.py", "watch/publish.py"}
"""The modules of a repository that call AWS, all of them the monitor's."""
START = "SageMaker pulls the image"
LOG = "SageMaker writes what a container says"
FETCH = "SageMaker fetches a job's inputs"
PUT = "SageMaker puts a job's results away"
BEHALF = {
    "training": {
        **dict.fromkeys(("ListData", "ReadData", "ListLabelled", "ReadLabelled", "ListResults", "ReadResults"), FETCH),
        "WriteResults": PUT,
        "Image": START,
        "Login": START,
        "Logs": LOG,
    },
    "serving": {
        **dict.fromkeys(("ListModels", "ReadModels"), "SageMaker fetches the model"),
        "Capture": "SageMaker writes what it captures",
        "Rollback": "SageMaker looks at the alarms of a rollout",
        "Image": START,
        "Login": START,
        "Logs": LOG,
    },
    "monitoring": {"Image": START, "Login": START, "Logs": LOG},
}
"""Statements that are for what SageMaker does in a job's name, by role, each with what that is."""


def statements(role):
    return getattr(roles, role)(NAMES)["Statement"]


def test_no_job_but_the_monitor_calls_aws():
    found = set()
    for path in ML.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(re.match(r"boto(3|core)\b", name) for name in names):
                found.add(path.relative_to(ML).as_posix())
    assert found == CALLERS


@pytest.mark.parametrize("role", ["training", "serving"])
def test_what_the_other_roles_grant_is_for_sagemaker(role):
    assert {statement["Sid"] for statement in statements(role)} == set(BEHALF[role])


@pytest.fixture(scope="module")
def calls(tmp_path_factory, venv):
    """Return every call of three runs: one period, another with a refused row, and one whose labels are due."""
    folder = tmp_path_factory.mktemp("watched")
    new(folder / "churn", "--no-git", "--set", "project=churn")
    python = [venv / "bin/python", SCRIPT]

    def run(words, **variables):
        done = subprocess.run([*python, *words], cwd=folder / "churn", env=environment() | variables,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    times = run(["prepare", folder / "made"])
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        world(folder / "made", endpoint)
        runs = [run(["watch", *words(), "--now", times[name]], AWS_ENDPOINT_URL=endpoint, **KEYS)
                for name in ("first", "second", "due")]  # fmt: skip
    finally:
        server.stop()
    assert [each["code"] for each in runs] == [0, 0, 0]
    return [call for each in runs for call in each["calls"]]


def words():
    capture, data, artifacts = (f"s3://{NAMES.bucket(role)}" for role in ("capture", "data", "artifacts"))
    places = {
        "capture": f"{capture}/requests",
        "labels": f"{data}/labels",
        "state": f"{capture}/state",
        "labelled": f"{capture}/labelled/",
        "report": f"{artifacts}/reports",
    }
    told = ["--namespace", NAMES.namespace, "--endpoint", NAMES.prefix]
    return [*told, *(word for name, place in places.items() for word in (f"--{name}", place))]


def world(made, endpoint):
    """Put what was made where the stack has it, behind an endpoint that serves."""
    how = {
        "endpoint_url": endpoint,
        "region_name": NAMES.region,
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
    }
    s3, sagemaker = boto3.client("s3", **how), boto3.client("sagemaker", **how)
    for role in ("capture", "data", "artifacts"):
        s3.create_bucket(Bucket=NAMES.bucket(role), CreateBucketConfiguration={"LocationConstraint": NAMES.region})
    for role, source, prefix in (("capture", "in/capture", "requests"), ("data", "in/labels", "labels")):
        for path in (made / source).rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(made / source).as_posix()}"
                s3.upload_file(str(path), NAMES.bucket(role), key)
    s3.upload_file(str(made / "model.tar.gz"), NAMES.bucket("artifacts"), "models/one/output/model.tar.gz")
    uri = f"s3://{NAMES.bucket('artifacts')}/models/one/output/model.tar.gz"
    name = f"{NAMES.prefix}-one"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=NAMES.role_arn("serving"),
        PrimaryContainer={"Image": "image", "ModelDataUrl": uri},
    )
    variant = {
        "VariantName": NAMES.variant,
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAMES.prefix, EndpointConfigName=name)


def asked(calls):
    """Yield what each call needs: the action, the resource, and the condition keys that it has."""
    for service, operation, request in calls:
        if service == "s3":
            arn = f"arn:aws:s3:::{request['Bucket']}" + (f"/{request['Key']}" if "Key" in request else "")
            (action, _), *_ = CALLS[f"s3.{operation}"]
            yield action, arn, needed(request)
            continue
        for action, place in CALLS[f"{service}.{operation}"]:
            yield action, place(request), needed(request)


@pytest.mark.generated
def test_the_monitor_may_do_exactly_what_it_does(calls):
    """Each call is allowed on what it names; each statement, action and resource of its role is there for a call."""
    given, found = statements("monitoring"), list(asked(calls))
    assert [(action, arn) for action, arn, context in found if not allowed(given, action, arn, context)] == []
    assert set(BEHALF["monitoring"]) < {statement["Sid"] for statement in given}
    for statement in given:
        if statement["Sid"] in BEHALF["monitoring"]:
            continue
        used = {action for action, arn, context in found if allowed([statement], action, arn, context)}
        assert used == set(statement["Action"]), statement["Sid"]
        for resource in statement["Resource"]:
            one = statement | {"Resource": [resource]}
            assert any(allowed([one], action, arn, context) for action, arn, context in found), resource
        for prefix in statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ()):
            one = statement | {"Condition": {"StringLike": {"s3:prefix": [prefix]}}}
            assert any(allowed([one], action, arn, context) for action, arn, context in found), prefix


@pytest.mark.generated
def test_the_monitor_of_another_stack_may_do_none_of_it(calls):
    other = json.loads(json.dumps(statements("monitoring")).replace("churn-dev", "churn-prod"))
    assert not [arn for action, arn, context in asked(calls) if arn != "*" and allowed(other, action, arn, context)]

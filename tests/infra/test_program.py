"""The Pulumi program by itself: every option evaluates, what is wrong is told, and it is as readable as it promises."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from projects import DIGEST, GITHUB, OPTIONS, ROOT, project, shop, transparent

from loopwright.errors import LoopwrightError
from loopwright.graph.arns import physical_name
from loopwright.graph.load import load

INFRA = ROOT / "infra"
sys.path.append(str(INFRA))

from mlops.naming import LONGEST_PROJECT, LONGEST_STACK, Names  # noqa: E402
from mlops.pipelines import source  # noqa: E402
from mlops.pipelines.stages import stages  # noqa: E402

COMPONENTS = [path for path in sorted(INFRA.glob("mlops/*.py")) if "(pulumi.ComponentResource)" in path.read_text()]
LIMITS = {  # documented by each service; the key is the last part of the type
    "Bucket": 63,
    "Role": 64,
    "Repository": 256,
    "Pipeline": 63,
    "ModelPackageGroup": 63,
    "Model": 63,
    "EndpointConfiguration": 63,
    "Endpoint": 63,
    "FeatureGroup": 64,
    "MlflowTrackingServer": 256,
    "Function": 64,
    "EventRule": 64,
    "Schedule": 64,
    "Queue": 80,
    "Topic": 256,
    "MetricAlarm": 255,
    "Dashboard": 255,
    "LogGroup": 512,
    "Budget": 100,
    "Parameter": 1011,
    "Alias": 256,
    "SecurityGroup": 255,
}


@pytest.mark.parametrize(("stack", "option"), [("dev", "plain"), ("staging", "plain"), *(("prod", o) for o in OPTIONS)])
def test_every_option_evaluates_whole(stack, option):
    graph = shop(stack, option)
    homes = {graph[node.parent].type for node in graph.resources()}
    assert all(home.startswith("loopwright:") for home in homes), "every resource belongs to a component"
    for node in graph.resources():
        assert node.name.startswith(graph[node.parent].name + "-"), node.id


def test_an_option_that_is_off_is_a_component_not_built():
    plain = {node.name for node in shop().of_kind("component")}
    assert {node.name for node in shop("prod", "everything").of_kind("component")} - plain == {
        "delivery",
        "features",
        "network",
        "tracking",
    }


def test_the_machines_of_one_job_reach_each_other_where_there_are_several():
    folder = project()
    before, train, after = (folder / "dvc.yaml").read_text().partition("  train:\n")
    several = after.replace("{instance_type: ml.m5.xlarge,", "{instance_type: ml.m5.xlarge, instance_count: 2,")
    text = before + train + several
    (folder / "dvc.yaml").write_text(text)
    compiled = json.loads((folder / "infra/definitions/training.json").read_text())
    (worth_it,) = (step for step in compiled["Steps"] if step["Name"] == "worth-it")
    (trained,) = (step for step in worth_it["Arguments"]["IfSteps"] if step["Type"] == "Training")
    trained["Arguments"]["ResourceConfig"]["InstanceCount"] = 2
    texts = {"training": source.as_text(compiled), "monitor": (folder / "infra/definitions/monitor.json").read_text()}
    (folder / "infra/definitions/training.json").write_text(texts["training"])
    made_of = source.as_text(source.source(stages(yaml.safe_load(text)), texts))
    (folder / "infra/definitions/SOURCE.json").write_text(made_of)
    settings = {"shop:network": "create", "shop:imageDigest": DIGEST}
    graph = load(folder, "dev", settings=settings, python=Path(sys.executable))
    added = {node.name for node in graph.resources()} - {node.name for node in shop("dev", "network").resources()}
    assert added == {"network-peers-in", "network-peers-out"}


def test_the_foundation_stands_before_any_image():
    foundation, whole = shop(image=False), shop()
    assert {node.name for node in foundation.of_kind("component")} == {"images", "registry", "roles", "store"}
    for node in foundation.resources():
        assert node.inputs == whole[node.id].inputs, "the second go changes nothing that the first one made"


@pytest.mark.parametrize("option", ["plain", "serverless", "everything"])
def test_outputs_are_only_passed_on(option):
    """Evaluated with tokens and with plausible values, the program makes the same document."""
    assert transparent(shop("prod", option), shop("prod", option, answers="concrete")) == []


def test_what_holds_rows_expires_after_their_labels_and_what_stands_for_none_stays():
    graph = shop("prod", "everything")
    rules = graph["aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration::store-capture-lifecycle"]
    days = {
        rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in rules.inputs["rules"] if "expiration" in rule
    }
    delay = yaml.safe_load((project() / "loop.yaml").read_text())["quality"]["label_delay_days"]
    assert days["state/rows/"] == days["labelled/2"] == delay + 35
    kept = graph["aws:s3/bucketObjectv2:BucketObjectv2::store-no-labels"].inputs["key"]
    assert kept.startswith("labelled/")
    assert not any(kept.startswith(prefix) for prefix in days)
    for key in ("state/labels.json", "state/baselines/x.json"):  # needed as long as the model serves
        assert not any(key.startswith(prefix) for prefix in days)


def test_one_image_and_one_set_of_variables_reach_every_definition():
    graph = shop("prod", "everything")
    found = [
        (container["image"], container["environment"])
        for node in graph.of_type("aws:sagemaker/model:Model")
        for container in [node.inputs["primaryContainer"]]
    ]
    for node in graph.of_type("aws:sagemaker/pipeline:Pipeline"):
        found += _containers(json.loads(node.inputs["pipelineDefinition"])["Steps"])
    deployer = graph["aws:lambda/function:Function::deployer-function"].inputs["environment"]["variables"]
    found.append((deployer["IMAGE"], json.loads(deployer["ENVIRONMENT"])))
    assert len(found) == 9  # model, deployer, registration, five stages, monitor
    assert len({json.dumps(each, sort_keys=True) for each in found}) == 1
    assert found[0][0].endswith(f"@{DIGEST}")


def _containers(steps):
    for step in steps:
        arguments = step["Arguments"]
        yield from _containers(arguments.get("IfSteps", []))
        environment = arguments.get("Environment")
        if "AppSpecification" in arguments:
            yield arguments["AppSpecification"]["ImageUri"], environment
        if "AlgorithmSpecification" in arguments:
            yield arguments["AlgorithmSpecification"]["TrainingImage"], environment
        for container in arguments.get("InferenceSpecification", {}).get("Containers", []):
            yield container["Image"], container["Environment"]


def test_every_name_fits_for_the_longest_project_and_stack():
    name, stack = "a" * LONGEST_PROJECT, "b" * LONGEST_STACK
    settings = {f"{name}:{key}": value for key, value in (OPTIONS["everything"] | {"imageDigest": DIGEST}).items()}
    graph = load(project(name, stacks=(stack,)), stack, settings=settings, python=Path(sys.executable))
    checked = 0
    for node in graph.resources():
        limit = LIMITS.get(node.type.rpartition(":")[2])
        if limit:
            known = re.sub(r"<<ref:.*?-ref>>", "1" * 12, physical_name(node) or "")
            assert 0 < len(known) <= limit, node.id
            checked += 1
    assert checked > 50


WORD = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
STACK = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)


def names_of(project_name, stack):
    names = Names(project=project_name, stack=stack, partition="aws", account="1" * 12, region="eu-west-1")
    roles = ("training", "monitor", "models", "failed", "alerts", "image", "budget", "controller", "serving")
    return {
        names.prefix,
        *map(names.of, roles),
        *map(names.bucket, ("data", "logs")),
        names.parameter("paused"),
        names.namespace,
        *(names.log_group(handler) for handler in ("controller", "deployer")),
        names.endpoint_log_group,
    }


@given(WORD, STACK, WORD, STACK)
def test_two_stacks_of_one_account_never_share_a_name(project_one, stack_one, project_two, stack_two):
    """The endpoint's name alone carries no role; it is compared with endpoints only."""
    if (project_one, stack_one) != (project_two, stack_two):
        one, two = names_of(project_one, stack_one), names_of(project_two, stack_two)
        one -= {f"{project_one}-{stack_one}"}
        two -= {f"{project_two}-{stack_two}"}
        assert not one & two
        assert f"{project_one}-{stack_one}" != f"{project_two}-{stack_two}"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"servingCont": "2"}, "shop:servingCount"),
        ({"servingCount": "two"}, "shop:servingCount"),
        ({"servingCount": "9"}, "servingMaximum"),
        ({"serving": "lambda"}, "'realtime' or 'serverless'"),
        ({"imageDigest": "latest"}, "sha256"),
        ({"logDays": "8"}, "CloudWatch keeps logs"),
        ({"network": "existing"}, "subnetIds"),
        ({"network": "create", "networkCidr": "10.0.0.0/28"}, "/24 or larger"),
        ({"network": "create", "serving": "serverless"}, "no VPC"),
        ({"github": "acme/shop"}, "githubOwnerId"),
        ({"notifications": '["nobody"]'}, "shop:notifications"),
        ({"keepData": "perhaps"}, "shop:keepData"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told_in_three_lines(settings, said):
    with pytest.raises(LoopwrightError) as caught:
        load(
            project(),
            "dev",
            settings={f"shop:{key}": value for key, value in settings.items()},
            python=Path(sys.executable),
        )
    told = f"{caught.value.what} {caught.value.because} {caught.value.attempt}"
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ("drift: {datapoints: 1, periods: 7, min_rows: 200, every: 2d}", "7 days"),
        ("approval: perhaps", "approval"),
        ("triggers: {schedule: rate(7 moons), drift: wake, quality: true, new_data: false}", "rate(7 days)"),
    ],
)
def test_a_contract_that_cannot_be_built_is_told(contract, said):
    with pytest.raises(LoopwrightError) as caught:
        load(project(contract=contract), "dev", settings={"shop:imageDigest": DIGEST}, python=Path(sys.executable))
    assert said in f"{caught.value.what} {caught.value.because} {caught.value.attempt}"


@pytest.mark.parametrize(("number", "stack"), [(1, "Dev"), (2, "a-b"), (3, "abcdefghijk")])
def test_a_stack_whose_name_fits_no_resource_is_refused(number, stack):
    with pytest.raises(LoopwrightError, match=re.escape(stack)):
        load(project(stacks=(stack,)), stack, python=Path(sys.executable))


def test_the_trust_for_github_names_ids_and_the_environment():
    graph = shop("prod", "github")
    subjects = []
    for node in graph.of_type("aws:iam/role:Role"):
        for statement in json.loads(node.inputs["assumeRolePolicy"])["Statement"]:
            subjects += statement["Condition"]["StringEquals"].values() if "Federated" in statement["Principal"] else []
    base = f"repo:acme@{GITHUB['githubOwnerId']}/shop@{GITHUB['githubRepositoryId']}:environment:prod"
    assert sorted(set(subjects) - {"sts.amazonaws.com"}) == [base, f"{base}-preview", f"{base}-retrain"]


def test_the_program_is_as_short_as_it_promises():
    assert len((INFRA / "__main__.py").read_text().splitlines()) <= 120
    for path in COMPONENTS:
        source = path.read_text()
        assert len(source.splitlines()) <= 225, path.name
        assert source.startswith('"""`loopwright:'), f"{path.name} names its token first"
        for item in ast.walk(ast.parse(source)):
            if isinstance(item, ast.FunctionDef):
                assert item.end_lineno - item.lineno < 60, f"{path.name}: {item.name} is more than a screen"
            if isinstance(item, ast.ClassDef) and "ComponentResource" in ast.unparse(item):
                init = next(each for each in item.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
                assert "self.register_outputs(" in ast.unparse(init.body[-1]), f"{path.name}: the last statement"

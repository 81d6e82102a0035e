from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest

from loopwright.cost.assumptions import Assumptions, assume
from loopwright.cost.bill import Bill
from loopwright.cost.facts import Facts
from loopwright.cost.frequency import HOURS, per_month
from loopwright.cost.prices import prices
from loopwright.cost.rules import cost, known_types, metrics_cost
from loopwright.errors import UsageError
from loopwright.graph.model import parse
from stacks import PYTHON, graph, needs_pulumi, warm

DAYS = HOURS / 24
OPTIONS = {
    "dev": ("dev",),
    "prod": ("prod",),
    "serverless": ("dev", "serving=serverless"),
    "network": ("dev", "network=create"),
    "server": ("dev", "tracking=server"),
    "app": ("dev", "tracking=app"),
    "features": ("dev", "featureStore=sagemaker"),
    "delivery": (
        *("dev", "github=acme/shop", "githubOwnerId=1", "githubRepositoryId=2", "githubProvider=create"),
        'notifications=["a@b.io"]',
    ),
}


@pytest.fixture(scope="module")
def stacks():
    names = {name: words for name, words in OPTIONS.items() if name != "features" or has_polars()}
    warm(*names.values())
    return {name: graph(*words) for name, words in names.items()}


def has_polars():
    """Tell whether the program's python can import the schema, which a feature store is made from."""
    return subprocess.run([PYTHON, "-c", "import pandera, polars"], capture_output=True, check=False).returncode == 0


def of(whole, kind, assumed=None):
    """Return the cost of the only resource of a type."""
    [node] = whole.of_type(kind)
    return cost(node, Facts(whole, assumed or Assumptions()), prices())


def small(*nodes, region="eu-west-1"):
    rest = {"parent": None, "dependsOn": [], "protect": False, "ignoreChanges": [], "provider": None}
    made = [
        {"id": f"{kind}::{name}", "kind": "resource", "type": kind, "name": name, "inputs": inputs} | rest
        for kind, name, inputs in nodes
    ]
    config = {"aws:region": region} if region else {}
    return parse({"format": 1, "project": "shop", "stack": "dev", "config": config, "outputs": {}, "nodes": made})


# --- the price list


def test_every_price_has_a_source_a_unit_and_an_amount_in_every_region():
    listed = prices()
    assert re.fullmatch(r"20\d\d-\d\d", listed.noted)
    assert {unit["source"] for unit in listed.units.values()} <= set(listed.sources)
    assert all(address.startswith("https://aws.amazon.com/") for address in listed.sources.values())
    for name, unit in listed.units.items():
        assert unit["unit"], name
        for region in listed.regions:
            found = listed.find(name, region)
            assert found, (name, region)
            assert found.usd > 0, (name, region)
    for family, entry in listed.instances["families"].items():
        assert set(entry["usd"]) == set(listed.regions), family
        assert set(entry["sizes"]) <= set(listed.instances["large"]), family


@pytest.mark.parametrize(
    ("instance", "region", "listed"),
    [
        ("ml.m5.large", "us-east-1", 0.115),
        ("ml.m5.xlarge", "us-east-1", 0.23),
        ("ml.m5.2xlarge", "us-east-1", 0.461),
        ("ml.m5.xlarge", "eu-west-1", 0.257),
        ("ml.m5.large", "eu-central-1", 0.138),
        ("ml.c5.large", "us-west-2", 0.102),
        ("ml.t3.medium", "us-east-1", 0.05),
        ("ml.t3.medium", "eu-west-1", 0.055),
    ],
)
def test_instances_cost_what_the_list_rounds_to(instance, region, listed):
    assert prices().instance(instance, region).usd == pytest.approx(listed, abs=0.0006)


def test_a_size_that_a_family_lacks_has_no_price():
    assert prices().instance("ml.c5.12xlarge", "us-east-1") is None
    assert prices().instance("ml.zz.large", "us-east-1") is None
    assert prices().instance("large", "us-east-1") is None


def test_what_is_free_is_free_for_a_reason_and_has_no_rule():
    listed = prices()
    assert all(reason.strip() for reason in listed.free.values())
    assert len(known_types(listed)) == len(listed.free) + 16


@needs_pulumi
def test_every_type_of_every_shipped_stack_has_a_price(stacks, figures):
    seen = {node.type for whole in stacks.values() for node in whole.resources()}
    assert seen - known_types(prices()) == set()
    for whole in stacks.values():
        facts = Facts(whole, Assumptions())
        assert [node.id for node in whole.resources() if cost(node, facts, prices()).unknown] == []
    figures(f"{len(seen)} types of resources in {len(stacks)} stacks, all with a price or known as free")


@needs_pulumi
def test_no_price_is_there_that_nothing_costs(stacks):
    asked = set()

    class Asking:
        noted, regions, free = prices().noted, prices().regions, prices().free

        def find(self, name, region):
            asked.add(name)
            return prices().find(name, region)

        def instance(self, name, region):
            return prices().instance(name, region)

    for whole in stacks.values():
        facts = Facts(whole, Assumptions())
        for node in whole.resources():
            cost(node, facts, Asking())
        metrics_cost(facts, Asking(), "eu-west-1")
    spare = {"cloudwatch.alarm.fast", "lambda.gb_second.x86_64"}  # what a project may set itself
    assert set(prices().units) - asked - ({n for n in prices().units if "features" in n} - asked) == spare


# --- how often


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("rate(1 hour)", HOURS),
        ("rate(1 day)", DAYS),
        ("rate(7 days)", DAYS / 7),
        ("rate(5 minutes)", HOURS * 12),
        ("cron(0 3 * * ? *)", DAYS),
        ("cron(0 3 ? * MON *)", DAYS / 7),
        ("cron(0 3 ? * MON-FRI *)", DAYS * 5 / 7),
        ("cron(0 3 ? * 2,4 *)", DAYS * 2 / 7),
        ("cron(0/15 * * * ? *)", HOURS * 4),
        ("cron(0 */6 * * ? *)", DAYS * 4),
        ("cron(30 8 1 * ? *)", 1),
        ("cron(30 8 L * ? *)", 1),
        ("cron(0 0 ? * 6#3 *)", 1),
        ("cron(0 0 ? * 6L *)", 1),
        ("cron(0 0 1 1 ? *)", 1 / 12),
        ("cron(0 0 15W JAN-MAR ? 2027)", 3 / 12),
        ("at(2027-01-01T00:00:00)", 0),
    ],
)
def test_expressions_are_counted(expression, times):
    assert per_month(expression) == pytest.approx(times)


@pytest.mark.parametrize(
    "text", ["", "daily", "rate(0 days)", "rate(1 week)", "cron(0 3 * *)", "cron(x 3 * * ? *)", "cron(99 3 * * ? *)"]
)
def test_what_is_no_expression_has_no_frequency(text):
    assert per_month(text) is None


# --- the shipped stacks, by hand


@needs_pulumi
def test_the_endpoint_is_paid_by_the_hour(stacks):
    dev, prod = (of(stacks[name], "aws:sagemaker/endpoint:Endpoint") for name in ("dev", "prod"))
    assert dev.always == pytest.approx(0.1284 * 730)
    assert prod.always == pytest.approx(2 * 0.1284 * 730)
    assert dev.most == pytest.approx(2 * 0.1284 * 730 + 0.4 * 0.016)
    assert prod.most == pytest.approx(3 * 0.1284 * 730 + 0.4 * 0.016)
    assert dev.asked == pytest.approx(0.4 * 0.016)  # 100 000 requests of 4 KB


@needs_pulumi
def test_a_serverless_endpoint_costs_nothing_while_nobody_asks(stacks):
    quiet = of(stacks["serverless"], "aws:sagemaker/endpoint:Endpoint", assume(["requests=0"]))
    busy = of(stacks["serverless"], "aws:sagemaker/endpoint:Endpoint")
    assert (quiet.always, quiet.expected) == (0, 0)
    assert busy.asked == pytest.approx(100_000 * 0.05 * 2 * 0.0000223 + 0.4 * 0.016)
    assert busy.guessed


@needs_pulumi
def test_pipelines_are_paid_by_their_jobs(stacks):
    whole = stacks["dev"]
    costs = {
        node.name: cost(node, Facts(whole, Assumptions()), prices())
        for node in whole.of_type("aws:sagemaker/pipeline:Pipeline")
    }
    hour, volume = 0.1284, 30 * 0.154 / 730
    assert costs["monitor-pipeline"].timed == pytest.approx(DAYS * (hour + volume) * 5 / 60)
    assert costs["monitor-pipeline"].most == pytest.approx(DAYS * (hour + volume))
    # Every seven days; three jobs on ml.m5.large and two, the probe and the training, on the next size.
    assert costs["training-pipeline"].timed == pytest.approx(DAYS / 7 * (3 * hour + 4 * hour + 5 * volume) * 5 / 60)
    # At most eight a month; three may take an hour, the probe and the training two.
    assert costs["training-pipeline"].most == pytest.approx(8 * (3 * (hour + volume) + 4 * (2 * hour + volume)))


@needs_pulumi
def test_an_alarm_costs_by_the_metrics_in_its_expression(stacks):
    whole = stacks["dev"]
    costs = {
        node.name: cost(node, Facts(whole, Assumptions()), prices())
        for node in whole.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    assert costs["monitor-drift"].always == pytest.approx(0.10)
    assert costs["monitor-latency"].always == pytest.approx(0.20)


@needs_pulumi
def test_own_metrics_are_those_of_alarms_and_dashboard(stacks):
    facts = Facts(stacks["dev"], Assumptions())
    names = {metric[1] for metric in facts.own_metrics}
    assert {"DriftScore", "QualityLoss", "ControllerHeartbeat", "SpendUsd", "ServingVersion"} <= names
    assert not {"Invocations", "Errors", "ModelLatency", "ExecutionFailed"} & names
    assert {metric[0] for metric in facts.own_metrics} == {"Loop/shop-dev"}
    assert metrics_cost(facts, prices(), "eu-west-1").always == pytest.approx(0.3 * (len(names) + 3))


@needs_pulumi
def test_a_network_is_paid_by_endpoint_zone_and_hour(stacks):
    whole = stacks["network"]
    doors = whole.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    costs = {node.name: cost(node, Facts(whole, Assumptions()), prices()) for node in doors}
    assert costs["network-s3"].free
    assert costs["network-sts"].always == pytest.approx(2 * 0.011 * 730)


@needs_pulumi
def test_tracking_is_paid_by_the_hour_or_not_at_all(stacks):
    server = of(stacks["server"], "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer")
    assert (server.always, server.guessed) == (pytest.approx(0.67 * 730), True)
    assert of(stacks["app"], "aws:sagemaker/mlflowApp:MlflowApp").free


@needs_pulumi
def test_functions_run_with_their_schedules_and_rules(stacks):
    whole = stacks["dev"]
    [controller] = [
        node for node in whole.of_type("aws:lambda/function:Function") if node.name.startswith("controller")
    ]
    found = cost(controller, Facts(whole, Assumptions()), prices())
    runs = 730 + 2 * 30
    assert found.timed == pytest.approx(runs * (0.0000002 + 0.25 * 3 * 0.0000133334 + 0.000005))


@needs_pulumi
def test_captured_requests_are_kept_as_long_as_the_bucket_says(stacks):
    whole = stacks["dev"]
    buckets = {
        node.name: cost(node, Facts(whole, Assumptions()), prices()) for node in whole.of_type("aws:s3/bucket:Bucket")
    }
    assert buckets["store-capture"].asked == pytest.approx(0.4 * 60 / DAYS * 0.023)
    assert buckets["store-data"].asked == 0
    assert buckets["store-data"].timed == pytest.approx(5 * 0.023 + 10_000 * 0.000005)


@needs_pulumi
def test_use_moves_only_what_depends_on_it(stacks):
    """Every assumption counts somewhere, and none makes anything cheaper or touches what is always on."""
    counted = set()
    for whole in stacks.values():
        base = {node.id: cost(node, Facts(whole, Assumptions()), prices()) for node in whole.resources()}
        for entry in fields(Assumptions):
            more = Facts(whole, replace(Assumptions(), **{entry.name: 2 * entry.default}))
            for node in whole.resources():
                found = cost(node, more, prices())
                assert found.expected >= base[node.id].expected
                assert found.always == base[node.id].always
                counted |= {entry.name} if found != base[node.id] else set()
    # Trainings have a schedule in every shipped stack; unseen metrics are no resource.
    assert {entry.name for entry in fields(Assumptions)} - counted == {"unscheduled_runs", "unseen_metrics"}


# --- what is unknown


def test_an_unknown_type_is_unknown_and_not_free():
    whole = small(("aws:rds/instance:Instance", "db", {}))
    found = of(whole, "aws:rds/instance:Instance")
    assert (found.free, found.unknown) == (False, ("aws:rds/instance:Instance",))


@pytest.mark.parametrize("region", ["ap-south-1", None])
def test_a_region_without_prices_is_unknown_and_not_zero(region):
    found = of(small(("aws:kms/key:Key", "key", {}), region=region), "aws:kms/key:Key")
    assert (found.free, found.expected, found.unknown) == (False, 0, ("kms.key", "kms.request"))


def test_an_unknown_instance_is_unknown():
    config = {"productionVariants": [{"instanceType": "ml.zz9.large", "initialInstanceCount": 1}]}
    kind = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
    name = {"endpointConfigName": f"<<ref:/{kind}::config#name/-ref>>"}
    whole = small((kind, "config", config), ("aws:sagemaker/endpoint:Endpoint", "endpoint", name))
    assert of(whole, "aws:sagemaker/endpoint:Endpoint").unknown == ("ml.zz9.large",)


def test_an_endpoint_without_a_configuration_is_unknown():
    whole = small(("aws:sagemaker/endpoint:Endpoint", "endpoint", {"endpointConfigName": "by-hand"}))
    assert of(whole, "aws:sagemaker/endpoint:Endpoint").unknown == ("the endpoint's configuration",)


def test_a_schedule_that_cannot_be_read_is_unknown():
    whole = small(("aws:scheduler/schedule:Schedule", "s", {"scheduleExpression": "daily", "target": {}}))
    assert of(whole, "aws:scheduler/schedule:Schedule").unknown == ("how often daily is",)


def pipeline(*steps):
    return "aws:sagemaker/pipeline:Pipeline", "p", {"pipelineDefinition": json.dumps({"Steps": list(steps)})}


def test_jobs_within_conditions_count_and_other_steps_are_unknown():
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}
    job = {"Name": "a", "Type": "Training", "Arguments": {"ResourceConfig": cluster}}
    branch = {"Name": "b", "Type": "Condition", "Arguments": {"IfSteps": [job], "ElseSteps": []}}
    tuning = {"Name": "c", "Type": "Tuning", "Arguments": {}}
    kind = "aws:sagemaker/pipeline:Pipeline"
    schedule = {"scheduleExpression": "rate(1 day)", "target": {"arn": f"<<ref:/{kind}::p#arn/-ref>>"}}
    found = of(small(pipeline(branch, tuning), ("aws:scheduler/schedule:Schedule", "s", schedule)), kind)
    assert found.unknown == ("step Tuning",)
    assert found.timed == pytest.approx(DAYS * 2 * (0.1284 + 10 * 0.154 / 730) * 5 / 60)
    assert found.most == pytest.approx(DAYS * 2 * (0.1284 + 10 * 0.154 / 730) * 24)  # no limit of its own


def test_a_pipeline_that_cannot_be_read_is_unknown():
    whole = small(("aws:sagemaker/pipeline:Pipeline", "p", {"pipelineDefinition": "s3://somewhere"}))
    assert of(whole, "aws:sagemaker/pipeline:Pipeline").unknown == ("pipeline definition",)


@pytest.mark.parametrize(
    ("policy", "expression", "expected", "most"),
    [
        ({"schedule_days": 7, "max_per_month": 8}, None, DAYS / 7, 8),
        ({"schedule_days": 1, "max_per_month": 8}, None, 8, 8),
        ({"schedule_days": None, "max_per_month": 8}, "cron(0 3 ? * MON *)", DAYS / 7, 8),
        ({"schedule_days": None, "max_per_month": 8}, None, 1, 8),
        ({"schedule_days": None, "max_age_days": 60, "max_per_month": 8}, None, 1, 8),
        ({"schedule_days": None, "max_age_days": 10, "max_per_month": 8}, None, DAYS / 10, 8),
        ({"schedule_days": 7, "max_age_days": 10, "max_per_month": 8}, None, DAYS / 7, 8),
    ],
)
def test_trainings_follow_the_controllers_policy(policy, expression, expected, most):
    kind, name, inputs = pipeline()
    function = "aws:lambda/function:Function"
    variables = {"POLICY": json.dumps(policy), "PIPELINE_NAME": f"<<ref:/{kind}::{name}#pipelineName/-ref>>"}
    nodes = [(kind, name, inputs), (function, "controller", {"environment": {"variables": variables}})]
    if expression:
        target = {"arn": f"<<ref:/{function}::controller#arn/-ref>>", "input": '{"reason": "schedule"}'}
        nodes.append(("aws:scheduler/schedule:Schedule", "s", {"scheduleExpression": expression, "target": target}))
    whole = small(*nodes)
    runs = Facts(whole, Assumptions()).runs(whole[f"{kind}::{name}"])
    assert (runs.expected, runs.most) == (pytest.approx(expected), most)


def test_a_fast_alarm_costs_more():
    slow, fast = (
        of(
            small(("aws:cloudwatch/metricAlarm:MetricAlarm", "a", {"period": period})),
            "aws:cloudwatch/metricAlarm:MetricAlarm",
        )
        for period in (60, 10)
    )
    assert (slow.always, fast.always) == (pytest.approx(0.1), pytest.approx(0.3))


def test_a_bill_adds_up():
    bill = Bill(prices=prices(), region="us-east-1")
    bill.add("always", "kms.key", 2)
    bill.add("timed", "kms.request", 1000)
    bill.hours("asked", "ml.m5.large", 1, most=10)
    bill.not_known("magic")
    found = bill.cost("what is counted")
    assert found.expected == pytest.approx(2 + 0.003 + 0.1152)
    assert found.by_use == pytest.approx(0.003 + 0.1152)
    assert found.most == pytest.approx(2 + 0.003 + 1.152)
    assert (found.free, found.unknown, found.basis) == (False, ("magic",), "what is counted")


# --- assumptions


def test_assumptions_can_be_changed():
    assert assume(["requests=2_000_000", "step_minutes=12.5"]) == Assumptions(requests=2e6, step_minutes=12.5)
    assert any("2,000,000 requests" in words for words in assume(["requests=2000000"]).words())


@pytest.mark.parametrize(
    ("pair", "attempt"),
    [
        ("request=1", "--assume requests=NUMBER"),
        ("xyz=1", "--assume with one of them"),
        ("requests=many", "--assume requests=100000"),
        ("requests=-1", "--assume requests=100000"),
        ("requests=nan", "--assume requests=100000"),
        ("requests=inf", "--assume requests=100000"),
        ("requests", "--assume requests=100000"),
    ],
)
def test_what_cannot_be_assumed_is_refused(pair, attempt):
    with pytest.raises(UsageError) as error:
        assume([pair])
    assert error.value.attempt == attempt


def test_the_documentation_names_every_assumption():
    page = (Path(__file__).parents[2] / "docs" / "preview.md").read_text()
    for entry in fields(Assumptions):
        assert f"| `{entry.name}` | {entry.default:,g} |" in page

"""The shipped infrastructure is wired right, and every single fault that is put into it is found."""

from __future__ import annotations

import copy
import functools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

import stacks
from loopwright.graph.load import load
from loopwright.graph.model import parse, strings
from loopwright.wiring import lines, prove
from loopwright.wiring.findings import as_document
from loopwright.wiring.patterns import PatternError, matches
from loopwright.wiring.sources import Sources

ROOT = Path(__file__).parents[2]
WIRING = ROOT / "generator" / "loopwright" / "wiring"
pytestmark = stacks.needs_pulumi

GITHUB = ("github=acme/shop", "githubOwnerId=1", "githubRepositoryId=2")
VARIANTS = (
    ("dev",),
    ("staging",),
    ("prod",),
    ("dev", "serving=serverless"),
    ("dev", "network=create"),
    ("dev", "network=existing", 'subnetIds=["subnet-0a","subnet-0b"]', 'securityGroupIds=["sg-0a"]'),
    ("dev", "tracking=server"),
    ("dev", "tracking=app"),
    ("dev", "featureStore=sagemaker"),
    ("prod", *GITHUB),
    ("dev", *GITHUB, "githubProvider=create"),
    ("dev", 'notifications=["a@example.com"]'),
)
# Faults of the shipped infrastructure that are known and not mended yet: the rule, and words of what it says.
# Whoever mends one takes it out; the test fails while the list says more than is true.
OPEN: dict[tuple[str, str], str] = {
    ("metrics.serverless", "CPUUtilization"): "the dashboard draws it for a serverless endpoint too",
}


POLARS = functools.cache(
    lambda: subprocess.run([stacks.PYTHON, "-c", "import polars, pandera"], check=False).returncode
)


@functools.cache
def sources():
    return Sources(stacks.shared())


@functools.cache
def proof(*variant):
    return prove(stacks.graph(*variant), stacks.shared(), sources=sources())


def faults(change):
    """Return what is found of a change that was not found before."""
    before, after = Doc(stacks.graph("dev")), Doc(stacks.graph("dev"))
    change(after)
    assert after.nodes != before.nodes, "the change changed nothing"
    return set(prove(after.parsed(), stacks.shared(), sources=sources()).findings) - set(proof("dev").findings)


def known(finding):
    return next((key for key in OPEN if finding.rule == key[0] and key[1] in finding.what), None)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: " ".join(word.partition('"')[0] for word in variant))
def test_the_shipped_infrastructure_is_wired(variant, figures):
    if "featureStore=sagemaker" in variant and POLARS():
        pytest.skip("the features are read from ml/schema.py, and this python has no polars")
    found = proof(*variant)
    assert [f"{f.rule} {f.node} {f.path}: {f.what}, because {f.because}" for f in found.findings if not known(f)] == []
    if variant == ("dev",):
        figures(
            f"{sum(found.proven.values())} wires of dev proven; {', '.join(next(iter(lines(found))).split('(')[1:])}"
        )


def test_the_list_of_open_faults_is_true():
    seen = {
        known(finding) for variant in (("dev",), ("dev", "serving=serverless")) for finding in proof(*variant).findings
    }
    assert set(OPEN) - seen == set()


def test_the_foundation_alone_is_wired():
    assert prove(stacks.graph("dev", "imageDigest="), stacks.shared()).findings == ()


@functools.cache
def changed(**contract):
    """Return a project whose contract says something else, with its graph."""
    folder = stacks.project(Path(tempfile.mkdtemp(prefix="loopwright-")))
    path = folder / "loop.yaml"
    text = yaml.safe_load(path.read_text())
    for key, value in contract.items():
        outer, inner = key.split("__")
        text[outer][inner] = value
    path.write_text(yaml.safe_dump(text))
    return folder, load(folder, "dev", settings={"shop:imageDigest": stacks.IMAGE}, python=Path(stacks.PYTHON))


CONTRACTS = (
    {"triggers__new_data": True},
    {"triggers__drift": "off"},
    {"triggers__quality": False},
    {"triggers__schedule": "cron(0 6 ? * MON *)"},
    {"drift__every": "12h"},
    {"rollout__strategy": "linear", "rollout__percent": 20},
)


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_every_contract_is_wired(contract):
    folder, graph = changed(**contract)
    found = prove(graph, folder)
    assert [f"{f.rule} {f.node}: {f.what}, because {f.because}" for f in found.findings if not known(f)] == []


class Doc:
    """A graph as a document that may be changed."""

    def __init__(self, graph):
        self.graph = graph
        self.nodes = {
            node.id: {
                "id": node.id,
                "kind": node.kind,
                "type": node.type,
                "name": node.name,
                "parent": node.parent,
                "inputs": copy.deepcopy(dict(node.inputs)),
                "dependsOn": list(node.depends_on),
                "protect": node.protect,
                "ignoreChanges": list(node.ignore_changes),
                "provider": node.provider,
            }
            for node in graph
        }

    def parsed(self):
        graph = self.graph
        return parse(
            {
                "format": 1,
                "project": graph.project,
                "stack": graph.stack,
                "config": dict(graph.config),
                "nodes": list(self.nodes.values()),
                "outputs": dict(graph.outputs),
            }
        )

    def key(self, name):
        (found,) = (key for key, node in self.nodes.items() if key.endswith(f"::{name}") and node["kind"] == "resource")
        return found

    def of(self, name):
        return self.nodes[self.key(name)]["inputs"]

    def drop(self, name):
        del self.nodes[self.key(name)]

    def json(self, name, field, change):
        """Change what a field holds as JSON, in place or by what the change returns."""
        inputs = self.of(name)
        body = json.loads(inputs[field])
        inputs[field] = json.dumps(change(body) or body)

    def text(self, name, field, old, new, count=-1):
        inputs = self.of(name)
        assert old in inputs[field], (old, inputs[field][:300])
        inputs[field] = inputs[field].replace(old, new, count)

    def variables(self, word):
        return self.of(f"{word}-function")["environment"]["variables"]

    def statement(self, role, sid, change):
        def edit(body):
            for statement in body["Statement"]:
                if statement["Sid"] == sid:
                    change(statement)
                    return
            raise AssertionError(f"{role} has no {sid}: {[s['Sid'] for s in body['Statement']]}")

        self.json(f"roles-{role}-policy", "policy", edit)

    def without(self, role, action):
        def edit(body):
            for statement in body["Statement"]:
                actions = statement["Action"]
                statement["Action"] = [a for a in ([actions] if isinstance(actions, str) else actions) if a != action]
            body["Statement"] = [s for s in body["Statement"] if s["Action"]]

        self.json(f"roles-{role}-policy", "policy", edit)

    def steps(self, pipeline, change):
        def edit(body):
            found = {}
            waiting = list(body["Steps"])
            while waiting:
                step = waiting.pop()
                found[step["Name"]] = step
                waiting += step.get("Arguments", {}).get("IfSteps", [])
            change(found)

        self.json(f"{pipeline}-pipeline", "pipelineDefinition", edit)


PIPELINE = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/"
FAULTS = []


def fault(rule, *, like=None):
    """Register a fault by what it does; ``like`` names the fault of another project that it is."""

    def register(change):
        FAULTS.append(pytest.param(rule, change, id=change.__name__))
        change.like = like
        return change

    return register


# --- the wiring faults of amazon-sagemaker-drift-detection


@fault("names.resource", like="item 6: the guard switches a rule that has another name")
def the_switch_of_the_guard_has_a_name_that_nothing_has(doc):
    doc.variables("controller")["PAUSE_PARAMETER"] = "/shop/dev/schedule-paused"


@fault("schedules.target", like="item 7: the schedule starts a pipeline that has the stage in its name")
def the_schedule_starts_a_pipeline_without_the_stack_in_its_name(doc):
    doc.of("triggers-monitoring")["target"]["arn"] = PIPELINE + "shop-monitor"


@fault("events.reach", like="item 7: the guard's rule never matches")
def the_rule_waits_for_a_pipeline_without_the_stack_in_its_name(doc):
    doc.text("triggers-ended", "eventPattern", "pipeline/shop-dev-training", "pipeline/shop-training")


@fault("functions.value", like="item 7: the guard is handed an empty name")
def a_name_is_handed_over_empty(doc):
    doc.variables("controller")["PIPELINE_NAME"] = ""


@fault("definitions.unread", like="item 1: every retraining reads the same default prefix")
def a_retraining_reads_the_same_prefix_whatever_it_is_told(doc):
    doc.text("training-pipeline", "pipelineDefinition", '{"Get": "Parameters.DataUri"}', '"s3://x/data/"')


@fault("definitions.parameter", like="item 1: what starts the pipeline passes no window")
def the_pipeline_does_not_know_the_window_that_it_is_started_with(doc):
    def edit(body):
        body["Parameters"] = [each for each in body["Parameters"] if each["Name"] != "WindowsDays"]

    doc.json("training-pipeline", "pipelineDefinition", edit)


# --- names


@fault("names.reference")
def a_reference_to_a_resource_that_is_not_there(doc):
    doc.of("monitor-drift")["alarmActions"] = ["<<ref:/aws:sns/topic:Topic::gone#arn/-ref>>"]


@fault("names.arn")
def a_role_may_read_a_parameter_of_another_stack(doc):
    doc.text("roles-controller-policy", "policy", "parameter/shop/dev/paused", "parameter/shop/prod/paused")


@fault("names.arn")
def a_policy_names_a_bucket_that_is_off_by_one_character(doc):
    doc.text("roles-training-policy", "policy", "shop-dev-data-", "shop-dev-date-")


@fault("names.arn")
def the_dashboard_shows_an_alarm_that_is_not_there(doc):
    doc.text("monitor-dashboard", "dashboardBody", "alarm:shop-dev-drift", "alarm:shop-dev-dritf")


@fault("names.arn")
def an_arn_is_of_another_region(doc):
    doc.text("roles-scheduler-policy", "policy", ":sqs:eu-west-1:", ":sqs:us-east-1:")


@fault("names.resource")
def the_budget_that_the_controller_asks_has_another_name(doc):
    doc.variables("controller")["BUDGET_NAME"] = "shop-dev-budgets"


@fault("names.resource")
def the_base_configuration_is_of_yesterday(doc):
    doc.variables("deployer")["BASE_CONFIG"] = "shop-dev-base-00000000"


@fault("names.resource")
def the_endpoint_configuration_has_a_model_that_is_not_there(doc):
    doc.of("serving-config")["productionVariants"][0]["modelName"] = "shop-dev-base"


@fault("names.resource")
def autoscaling_is_for_a_variant_that_is_not_there(doc):
    doc.of("serving-scaling")["resourceId"] = "endpoint/shop-dev/variant/AllTraffic"


@fault("names.resource")
def an_alarm_watches_a_function_that_is_not_there(doc):
    doc.of("monitor-controller.errors")["dimensions"] = {"FunctionName": "shop-dev-control"}


@fault("names.resource")
def models_are_registered_in_a_group_that_is_not_there(doc):
    doc.steps("training", lambda steps: steps["register"]["Arguments"].update(ModelPackageGroupName="shop-models"))


@fault("names.uri")
def the_capture_lies_in_a_bucket_that_is_not_there(doc):
    doc.of("serving-config")["dataCaptureConfig"]["destinationS3Uri"] = "s3://shop-dev-captured/requests"


@fault("names.image")
def a_job_pulls_from_a_repository_that_is_not_there(doc):
    image = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop-dev-images@{stacks.IMAGE}"
    doc.steps("training", lambda steps: steps["gates"]["Arguments"]["AppSpecification"].update(ImageUri=image))


@fault("names.log_group")
def a_log_group_is_off_by_one_character(doc):
    doc.of("controller-logs")["name"] = "/aws/lambda/shop-dev-controler"


@fault("names.log_group")
def the_dashboard_reads_a_log_group_that_is_not_there(doc):
    doc.text("monitor-dashboard", "dashboardBody", "/aws/lambda/shop-dev-deployer", "/aws/lambda/shop-deployer")


@fault("names.tag")
def the_budget_counts_a_tag_that_nothing_has(doc):
    doc.of("budget-budget")["costFilters"][0]["values"] = ["user:Loop$shop-prod"]


# --- metrics


@fault("metrics.name")
def an_alarm_watches_a_metric_that_nobody_publishes(doc):
    doc.of("monitor-drift")["metricName"] = "DriftScores"


@fault("metrics.name")
def the_dashboard_draws_a_metric_that_nobody_publishes(doc):
    doc.text("monitor-dashboard", "dashboardBody", '"QualityLoss"', '"Loss"')


@fault("metrics.name")
def an_alarm_watches_a_metric_that_aws_does_not_publish(doc):
    doc.of("monitor-training")["metricName"] = "ExecutionsFailed"


@fault("metrics.namespace")
def an_alarm_watches_another_namespace(doc):
    doc.of("monitor-quality")["namespace"] = "Loop/shop"


@fault("metrics.namespace")
def an_aws_namespace_is_in_other_capitals(doc):
    doc.of("monitor-training")["namespace"] = "AWS/SageMaker/ModelBuildingPipeline"


@fault("metrics.dimensions")
def an_alarm_watches_another_dimension(doc):
    doc.of("monitor-drift")["dimensions"] = {"EndpointName": "shop-dev"}


@fault("metrics.dimensions")
def an_alarm_forgets_a_dimension(doc):
    metric = doc.of("monitor-latency")["metricQueries"][1]["metric"]
    del metric["dimensions"]["VariantName"]


@fault("metrics.period")
def a_period_is_no_multiple_of_a_minute(doc):
    doc.of("monitor-failed")["period"] = 90


@fault("metrics.period")
def an_alarm_looks_back_more_than_a_week(doc):
    doc.of("monitor-drift")["evaluationPeriods"] = 8


@fault("metrics.statistic")
def a_statistic_that_cloudwatch_does_not_know(doc):
    doc.of("monitor-drift")["statistic"] = "Max"


@fault("metrics.interval")
def an_alarm_looks_every_hour_for_what_comes_once_a_day(doc):
    doc.of("monitor-drift")["period"] = 3600


@fault("metrics.expression")
def an_expression_uses_a_metric_that_the_alarm_lacks(doc):
    query = doc.of("monitor-errors")["metricQueries"][0]
    query["expression"] = query["expression"].replace("failed", "failures")


@fault("metrics.unit")
def a_limit_in_milliseconds_for_microseconds(doc):
    query = doc.of("monitor-latency")["metricQueries"][0]
    query["expression"] = query["expression"].replace(" / 1000", "")


@fault("metrics.permission")
def the_monitor_may_publish_in_another_namespace(doc):
    doc.text("roles-monitoring-policy", "policy", "Loop/shop-dev", "Loop/shop")


@fault("metrics.told")
def the_monitor_is_not_told_the_namespace(doc):
    doc.text("monitor-pipeline", "pipelineDefinition", '"Loop/shop-dev"', '"Loop/shop"')


@fault("metrics.log_field")
def the_dashboard_reads_an_event_that_the_monitor_does_not_log(doc):
    doc.text("monitor-dashboard", "dashboardBody", "feature_drift", "feature-drift")


@fault("metrics.log_field")
def the_dashboard_reads_a_field_that_the_controller_does_not_log(doc):
    doc.text("monitor-dashboard", "dashboardBody", "fields @timestamp, ", "fields @timestamp, verdict, ", 1)


# --- filters


@fault("filters.lines")
def odd_answers_are_counted_in_the_log_of_a_handler(doc):
    doc.of("serving-odd-answers")["logGroupName"] = "/aws/lambda/shop-dev-deployer"


@fault("filters.lines")
def odd_answers_are_counted_in_a_field_that_no_line_has(doc):
    doc.of("serving-odd-answers")["pattern"] = '{ $.event = "request" && $.odds > 0 }'


@fault("filters.lines")
def odd_answers_are_counted_in_lines_about_something_else(doc):
    doc.of("serving-odd-answers")["pattern"] = '{ $.event = "log" && $.odd > 0 }'


@fault("filters.lines")
def a_pattern_counts_words_and_not_fields(doc):
    doc.of("serving-odd-answers")["pattern"] = "odd"


@fault("metrics.dimensions")
def an_alarm_wants_a_dimension_of_what_a_filter_counts(doc):
    doc.of("monitor-answers")["metricQueries"][1]["metric"]["dimensions"] = {"Endpoint": "shop-dev"}


@fault("metrics.name")
def a_filter_counts_for_nobody(doc):
    doc.of("serving-odd-answers")["metricTransformation"]["name"] = "OddAnswer"


# --- alarms


@fault("alarms.action")
def an_alarm_tells_nobody(doc):
    doc.of("monitor-heartbeat")["alarmActions"] = []


@fault("alarms.action")
def an_alarm_tells_a_queue(doc):
    doc.of("monitor-drift")["alarmActions"] = ["<<ref:/aws:sqs/queue:Queue::failed-queue#arn/-ref>>"]


@fault("alarms.topic")
def the_topic_takes_nothing_from_alarms(doc):
    doc.text("monitor-alerts-policy", "policy", ', "cloudwatch.amazonaws.com"', "")


@fault("alarms.topic")
def the_topic_takes_nothing_from_the_budget(doc):
    doc.text("monitor-alerts-policy", "policy", '"budgets.amazonaws.com", ', "")


@fault("alarms.key")
def alarms_may_not_use_the_key_of_the_topic(doc):
    doc.text("store-key", "policy", '"cloudwatch.amazonaws.com", ', "")


@fault("alarms.missing")
def an_alarm_does_not_say_what_missing_data_means(doc):
    del doc.of("monitor-quality")["treatMissingData"]


@fault("alarms.datapoints")
def an_alarm_wants_more_datapoints_than_it_looks_at(doc):
    doc.of("monitor-drift")["datapointsToAlarm"] = 4


@fault("alarms.rollback")
def the_drift_alarm_takes_the_cure_back(doc):
    names = json.dumps(["shop-dev-drift", "shop-dev-errors"])
    doc.variables("deployer")["ROLLBACK_ALARMS"] = names


@fault("alarms.rollback")
def an_alarm_about_lambda_takes_rollouts_back(doc):
    doc.variables("deployer")["ROLLBACK_ALARMS"] = json.dumps(["shop-dev-controller.errors"])


@fault("alarms.rollback")
def nothing_takes_a_rollout_back(doc):
    doc.variables("deployer")["ROLLBACK_ALARMS"] = "[]"


@fault("alarms.waking")
def the_controller_takes_one_alarm_for_another(doc):
    names = {"drift": "shop-dev-quality", "quality": "shop-dev-drift", "data": "shop-dev-broken"}
    doc.variables("controller")["ALARMS"] = json.dumps(names)


@fault("alarms.waking")
def the_controller_does_not_read_the_drift_alarm(doc):
    names = {"quality": "shop-dev-quality", "data": "shop-dev-broken"}
    doc.variables("controller")["ALARMS"] = json.dumps(names)


@fault("alarms.heartbeat")
def a_heart_may_stop_unnoticed(doc):
    doc.of("monitor-heartbeat")["treatMissingData"] = "notBreaching"


@fault("alarms.heartbeat")
def nobody_watches_the_heart_of_the_deployer(doc):
    doc.drop("monitor-deployer.heartbeat")


@fault("alarms.heartbeat")
def the_heartbeat_alarm_is_shorter_than_the_interval(doc):
    doc.of("monitor-heartbeat").update(period=3600, evaluationPeriods=1, datapointsToAlarm=1)


@fault("alarms.dead_letters")
def nobody_watches_the_dead_letters(doc):
    doc.drop("monitor-failed")


@fault("alarms.dead_letters")
def ten_dead_letters_are_passed_over(doc):
    doc.of("monitor-failed")["threshold"] = 10


# --- events


@fault("events.reach")
def an_approval_wakes_the_controller(doc):
    doc.of("triggers-approved-target")["arn"] = doc.of("triggers-ended-target")["arn"]


@fault("events.reach")
def the_name_of_an_alarm_is_misspelt_in_the_pattern(doc):
    doc.text("triggers-alarmed", "eventPattern", "shop-dev-drift", "shop-dev-drfit")


@fault("events.reach")
def the_pattern_takes_the_models_of_another_stack(doc):
    doc.text("triggers-approved", "eventPattern", "shop-dev-models", "another-prod-models")


@fault("events.reach")
def the_pattern_takes_everything_that_begins_alike(doc):
    doc.text("triggers-approved", "eventPattern", '["shop-dev-models"]', '[{"prefix": "shop-dev-models"}]')


@fault("events.reach")
def the_pattern_takes_every_endpoint(doc):
    doc.json("triggers-deployed", "eventPattern", lambda body: {k: v for k, v in body.items() if k != "resources"})


@fault("events.reach")
def the_pattern_waits_for_another_kind_of_event(doc):
    doc.text("triggers-approved", "eventPattern", "Model Package State Change", "Model State Change")


@fault("events.reach")
def the_state_is_in_lower_case(doc):
    doc.text("triggers-alarmed", "eventPattern", '["ALARM"]', '["alarm"]')


@fault("events.reach")
def an_alarm_that_is_over_wakes_too(doc):
    doc.text("triggers-alarmed", "eventPattern", '["ALARM"]', '["ALARM", "OK"]')


@fault("events.reach")
def a_rule_is_switched_off(doc):
    doc.of("triggers-alarmed")["state"] = "DISABLED"


@fault("events.unmatched")
def the_source_of_a_pattern_is_none(doc):
    doc.text("triggers-deployed", "eventPattern", "aws.sagemaker", "sagemaker")


@fault("events.pattern")
def a_pattern_with_an_operator_that_is_none(doc):
    doc.text("triggers-alarmed", "eventPattern", '["ALARM"]', '[{"equals": "ALARM"}]')


@fault("events.pattern")
def a_pattern_whose_value_is_no_list(doc):
    doc.text("triggers-alarmed", "eventPattern", '["ALARM"]', '"ALARM"')


@fault("events.target")
def a_rule_has_no_target(doc):
    doc.drop("triggers-alarmed-target")


@fault("events.target")
def a_target_is_no_function_of_the_stack(doc):
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-deploy"
    doc.of("triggers-approved-target")["arn"] = arn


@fault("names.resource")
def a_target_hangs_on_a_rule_that_is_not_there(doc):
    doc.of("triggers-approved-target")["rule"] = "shop-dev-approval"


@fault("events.permission")
def a_permission_is_missing(doc):
    doc.drop("triggers-approved-permission")


@fault("events.permission")
def a_permission_is_for_another_rule(doc):
    doc.of("triggers-approved-permission")["sourceArn"] = doc.of("triggers-deployed-permission")["sourceArn"]


@fault("events.permission")
def a_permission_is_for_another_service(doc):
    doc.of("triggers-ended-permission")["principal"] = "scheduler.amazonaws.com"


@fault("events.permission")
def a_permission_is_on_another_function(doc):
    doc.of("triggers-ended-permission")["function"] = doc.of("triggers-approved-permission")["function"]


@fault("events.dead_letter")
def the_dead_letter_queue_is_not_there(doc):
    arn = "arn:aws:sqs:eu-west-1:123456789012:shop-dev-fails"
    doc.of("triggers-alarmed-target")["deadLetterConfig"] = {"arn": arn}


@fault("events.dead_letter")
def a_target_has_no_dead_letter_queue(doc):
    del doc.of("triggers-alarmed-target")["deadLetterConfig"]


@fault("events.dead_letter")
def the_queue_has_no_policy(doc):
    doc.drop("failed-policy")


@fault("events.dead_letter")
def the_queue_takes_nothing_from_these_rules(doc):
    doc.text("failed-policy", "policy", "rule/shop-dev-*", "rule/shop-prod-*")


@fault("events.key")
def events_may_not_use_the_key_of_the_queue(doc):
    doc.text("store-key", "policy", ', "events.amazonaws.com"', "")


# --- schedules


@fault("schedules.expression")
def a_rate_is_not_grammatical(doc):
    doc.of("triggers-recheck")["scheduleExpression"] = "rate(1 hours)"


@fault("schedules.expression")
def a_cron_expression_has_five_fields(doc):
    doc.of("triggers-recheck")["scheduleExpression"] = "cron(0 6 * * ?)"


@fault("schedules.role")
def the_schedules_may_not_start_the_monitor(doc):
    doc.without("scheduler", "sagemaker:StartPipelineExecution")


@fault("schedules.role")
def the_schedules_may_invoke_another_function(doc):
    doc.text("roles-scheduler-policy", "policy", "function:shop-dev-controller", "function:shop-prod-controller")


@fault("schedules.dead_letter")
def the_schedules_may_not_keep_what_failed(doc):
    doc.without("scheduler", "sqs:SendMessage")


@fault("schedules.key")
def the_schedules_may_not_use_the_key(doc):
    role = "<<ref:/aws:iam/role:Role::roles-scheduler#arn/-ref>>"
    doc.text("store-key", "policy", f'"{role}", ', "")


@fault("schedules.payload")
def the_clock_says_what_only_a_person_says(doc):
    doc.of("triggers-recheck")["target"]["input"] = '{"reason": "manual"}'


@fault("schedules.payload")
def a_payload_is_no_json(doc):
    doc.of("triggers-redeploy")["target"]["input"] = "tick"


@fault("schedules.tick")
def nobody_looks_at_the_world_again(doc):
    doc.drop("triggers-recheck")


@fault("schedules.agreed")
def the_monitor_runs_every_second_day(doc):
    doc.of("triggers-monitoring")["scheduleExpression"] = "rate(2 days)"


@fault("schedules.agreed")
def the_clock_starts_the_training_pipeline(doc):
    doc.of("triggers-monitoring")["target"]["arn"] = PIPELINE + "shop-dev-training"


# --- functions


@fault("functions.handler")
def a_handler_names_no_module(doc):
    doc.of("controller-function")["handler"] = "handlers.control.handler"


@fault("functions.handler")
def a_handler_names_no_function(doc):
    doc.of("deployer-function")["handler"] = "handlers.deployer.handle"


@fault("functions.handler")
def the_archive_lacks_a_module(doc):
    del doc.of("controller-function")["code"]["__archive__"]["handlers/retraining.py"]


@fault("functions.variable")
def a_variable_is_missing(doc):
    del doc.variables("controller")["ALARMS"]


@fault("functions.unread")
def a_variable_is_misspelt(doc):
    variables = doc.variables("deployer")
    variables["ROLLBACK_ALARM"] = variables.pop("ROLLBACK_ALARMS")


@fault("functions.value")
def a_variable_is_no_json(doc):
    doc.variables("controller")["ALARMS"] = "drift: shop-dev-drift"


@fault("functions.value")
def a_variable_lacks_a_key(doc):
    doc.variables("deployer")["ROLLOUT"] = '{"percent": 10, "strategy": "canary"}'


@fault("functions.contract")
def the_controller_decides_by_another_number(doc):
    variables = doc.variables("controller")
    variables["POLICY"] = variables["POLICY"].replace('"max_per_month": 8', '"max_per_month": 80')


@fault("functions.contract")
def the_controller_lets_models_age_longer_than_agreed(doc):
    variables = doc.variables("controller")
    variables["POLICY"] = json.dumps(json.loads(variables["POLICY"]) | {"max_age_days": None})


@fault("functions.dead_letter")
def a_function_has_no_dead_letter_queue(doc):
    del doc.of("deployer-function")["deadLetterConfig"]


# --- roles


@fault("roles.trust")
def a_role_trusts_another_service(doc):
    doc.text("roles-scheduler", "assumeRolePolicy", "scheduler.amazonaws.com", "events.amazonaws.com")


@fault("roles.trust")
def a_pipeline_runs_under_the_role_of_a_function(doc):
    doc.of("monitor-pipeline")["roleArn"] = doc.of("controller-function")["role"]


@fault("roles.idle")
def a_function_has_the_role_of_the_other(doc):
    doc.of("deployer-function")["role"] = doc.of("controller-function")["role"]


@fault("roles.pass")
def the_deployer_passes_another_role(doc):
    doc.text("roles-deployer-policy", "policy", "role/shop-dev-serving", "role/shop-dev-training")


@fault("roles.pass")
def the_pipeline_may_pass_a_role_too_many(doc):
    def widen(statement):
        statement["Resource"] = [*statement["Resource"], statement["Resource"][0].replace("training", "serving")]

    doc.statement("pipeline", "PassTraining", widen)


@fault("roles.pass")
def a_role_is_passed_to_another_service(doc):
    def edit(statement):
        statement["Condition"]["StringEquals"]["iam:PassedToService"] = "lambda.amazonaws.com"

    doc.statement("deployer", "PassRole", edit)


@fault("roles.star")
def a_role_may_read_every_object(doc):
    doc.statement("training", "ReadData", lambda statement: statement.update(Resource=["*"]))


@fault("roles.star")
def nothing_narrows_a_statement_about_everything(doc):
    doc.statement("controller", "Metrics", lambda statement: statement.pop("Condition"))


@fault("roles.action")
def the_controller_publishes_in_a_namespace_that_it_may_not(doc):
    doc.text("roles-controller-policy", "policy", "Loop/shop-dev", "Loop/shop-prod")


@fault("roles.action")
def the_deployer_may_not_update_the_endpoint(doc):
    doc.without("deployer", "sagemaker:UpdateEndpoint")


@fault("roles.action")
def the_controller_may_not_tell_this_topic(doc):
    doc.text("roles-controller-policy", "policy", ":shop-dev-alerts", ":shop-dev-alarms")


@fault("roles.action")
def the_controller_records_where_it_may_not(doc):
    doc.variables("controller")["RECORD_PREFIX"] = "records/"


@fault("roles.action")
def the_controller_may_not_read_what_a_probe_found(doc):
    doc.statement(
        "controller", "ReadVerdicts", lambda statement: statement.update(Resource=[statement["Resource"][0][:-5]])
    )


@fault("roles.action")
def the_controller_may_not_read_why_a_model_was_refused(doc):
    doc.statement("controller", "ReadVerdicts", lambda statement: statement.update(Resource=statement["Resource"][:1]))


@fault("roles.action")
def the_controller_may_not_see_whether_a_probe_reported(doc):
    doc.text("roles-controller-policy", "policy", '"runs/*/probe/reports/probe.json"', '"runs/*/report.json"')


@fault("roles.action")
def the_deployer_may_not_fetch_what_training_makes(doc):
    doc.text("roles-deployer-policy", "policy", "/models/*", "/model/*")


@fault("roles.unused")
def the_deployer_may_delete_the_endpoint(doc):
    doc.statement("deployer", "Endpoint", lambda statement: statement["Action"].append("sagemaker:DeleteEndpoint"))


@fault("roles.image")
def a_job_may_pull_another_image(doc):
    doc.text("roles-monitoring-policy", "policy", "repository/shop-dev-image", "repository/shop-dev-images")


@fault("roles.log")
def a_job_may_write_another_log(doc):
    doc.text("roles-monitoring-policy", "policy", "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TransformJobs")


@fault("roles.step")
def the_pipeline_may_not_train(doc):
    doc.without("pipeline", "sagemaker:CreateTrainingJob")


@fault("roles.key")
def a_job_may_not_use_the_key(doc):
    role = "<<ref:/aws:iam/role:Role::roles-monitoring#arn/-ref>>"
    doc.text("store-key", "policy", f'"{role}", ', "")


# --- pipeline definitions and places


@fault("definitions.json")
def a_definition_is_no_json(doc):
    doc.of("monitor-pipeline")["pipelineDefinition"] = "{}}"


@fault("definitions.image")
def a_step_names_the_image_by_tag(doc):
    doc.text("training-pipeline", "pipelineDefinition", f"@{stacks.IMAGE}", ":latest", 1)


@fault("definitions.image")
def the_deployer_rolls_out_another_image(doc):
    variables = doc.variables("deployer")
    variables["IMAGE"] = variables["IMAGE"].replace(stacks.IMAGE, "sha256:" + "b" * 64)


@fault("definitions.environment")
def one_job_runs_with_another_variable(doc):
    environment = {"MLFLOW_DISABLE_TELEMETRY": "false"}
    doc.steps("training", lambda steps: steps["prepare"]["Arguments"].update(Environment=environment))


@fault("definitions.command")
def a_step_runs_a_command_that_is_none(doc):
    words = ["evaluation"]
    doc.steps(
        "training", lambda steps: steps["evaluate"]["Arguments"]["AppSpecification"].update(ContainerArguments=words)
    )


@fault("definitions.option")
def a_step_is_given_an_option_that_it_does_not_know(doc):
    words = ["evaluate", "--on", "test"]
    doc.steps(
        "training", lambda steps: steps["evaluate"]["Arguments"]["AppSpecification"].update(ContainerArguments=words)
    )


@fault("definitions.reference")
def a_step_reads_an_output_that_nobody_makes(doc):
    doc.text("training-pipeline", "pipelineDefinition", "Steps.prepare.ProcessingOutputConfig.Outputs['out']",
             "Steps.prepare.ProcessingOutputConfig.Outputs['train']")  # fmt: skip


@fault("definitions.reference")
def a_step_reads_what_a_later_one_makes(doc):
    def edit(body):
        body["Steps"][0], body["Steps"][1] = body["Steps"][1], body["Steps"][0]

    doc.json("training-pipeline", "pipelineDefinition", edit)


@fault("definitions.reference")
def a_step_reads_a_parameter_that_is_not_declared(doc):
    doc.text("training-pipeline", "pipelineDefinition", "Parameters.DataUri", "Parameters.DataURI")


@fault("definitions.parameter")
def a_parameter_has_another_name_than_the_controller_gives(doc):
    doc.text("training-pipeline", "pipelineDefinition", '"Name": "Champion"', '"Name": "ChampionArn"')


@fault("definitions.parameter")
def a_parameter_that_nobody_gives_has_no_default(doc):
    def edit(body):
        for parameter in body["Parameters"]:
            if parameter["Name"] == "DataUri":
                del parameter["DefaultValue"]

    doc.json("training-pipeline", "pipelineDefinition", edit)


@fault("definitions.property")
def the_verdict_looks_for_what_no_gate_writes(doc):
    doc.text("training-pipeline", "pipelineDefinition", '"Path": "passed"', '"Path": "all_passed"')


@fault("definitions.metadata")
def a_version_lacks_what_the_deployer_verifies(doc):
    doc.steps("training", lambda steps: steps["register"]["Arguments"]["CustomerMetadataProperties"].pop(
        "artefact_sha256"))  # fmt: skip


@fault("definitions.isolation")
def the_monitor_is_cut_off_from_cloudwatch(doc):
    doc.steps("monitor", lambda steps: steps["monitor"]["Arguments"]["NetworkConfig"].update(
        EnableNetworkIsolation=True))  # fmt: skip


@fault("definitions.read")
def a_job_may_not_read_the_prefix_of_the_data(doc):
    doc.statement("training", "ReadData", lambda s: s.update(Resource=[s["Resource"][0].replace("/*", "/raw/*")]))


@fault("definitions.read")
def the_pipeline_may_not_read_the_verdict(doc):
    doc.statement("pipeline", "Verdicts", lambda s: s.update(Resource=[s["Resource"][0].replace("runs", "run")]))


@fault("definitions.read")
def the_endpoint_may_not_load_a_model(doc):
    doc.statement("serving", "ReadModels", lambda s: s.update(Resource=[s["Resource"][0].replace("models", "model")]))


@fault("definitions.write")
def a_job_may_not_write_its_results(doc):
    doc.text("roles-monitoring-policy", "policy", "/reports/*", "/report/*")


@fault("definitions.write")
def the_monitor_may_not_keep_what_it_counted(doc):
    doc.statement("monitoring", "Keep", lambda s: s.update(Resource=[r.replace("/state/", "/states/")
                                                                     for r in s["Resource"]]))  # fmt: skip


@fault("definitions.read")
def the_monitor_may_not_read_labels(doc):
    doc.statement(
        "monitoring", "ReadLabels", lambda s: s.update(Resource=[s["Resource"][0].replace("labels", "label")])
    )


@fault("definitions.read")
def the_monitor_may_not_list_what_was_captured(doc):
    doc.statement(
        "monitoring", "ListCaptured", lambda s: s["Condition"]["StringLike"].update({"s3:prefix": ["state/*"]})
    )


@fault("definitions.write")
def the_endpoint_may_not_write_what_is_captured(doc):
    doc.text("roles-serving-policy", "policy", "shop-dev-capture-", "shop-dev-logs-")


@fault("definitions.capture")
def nobody_reads_what_is_captured(doc):
    config = doc.of("serving-config")["dataCaptureConfig"]
    config["destinationS3Uri"] = config["destinationS3Uri"].replace("/requests", "/answers")


@fault("wiring.shape")
def a_dashboard_is_no_object(doc):
    doc.of("monitor-dashboard")["dashboardBody"] = '["widgets"]'


CAUGHT: dict[str, bool] = {}


@pytest.mark.parametrize(("rule", "change"), FAULTS)
def test_every_fault_is_found(rule, change):
    fresh = faults(change)
    CAUGHT[change.__name__] = rule in {finding.rule for finding in fresh}
    assert rule in {finding.rule for finding in fresh}, [f"{f.rule}: {f.what}, {f.because}" for f in fresh]
    assert all(finding.what and finding.because and finding.attempt for finding in fresh)


def test_a_graph_that_was_only_copied_has_no_fault_more():
    assert prove(Doc(stacks.graph("dev")).parsed(), stacks.shared()) == proof("dev")


def test_the_share_of_faults_that_is_found(figures):
    cases = [(*case.values, case.id) for case in FAULTS]
    for rule, change, name in cases:
        if name not in CAUGHT:  # another worker had it
            CAUGHT[name] = rule in {finding.rule for finding in faults(change)}
    borrowed = [name for _, change, name in cases if change.like]
    caught, theirs = (sum(CAUGHT[name] for name in names) for names in ([name for *_, name in cases], borrowed))
    figures(
        f"{caught} of {len(cases)} single faults caught by the wiring proof, each by its own rule; "
        f"{theirs} of {len(borrowed)} of them are those of another project"
    )
    assert all(CAUGHT[name] for *_, name in cases)


# What a person reads, and names that nothing but an output of the same resource refers to: any other is as good.
FREE = (
    "escription",
    "DisplayName",
    "dashboardName",
    "store-alias.name",
    "serving-model.name",
    "serving-odd-answers.name",
    "serving-scaling-policy.name",
    "triggers-monitoring.name",
    "triggers-recheck.name",
    "triggers-redeploy.name",
    *(f"roles-{role}.name" for role in ("controller", "deployer", "pipeline", "scheduler")),
)
MENTION = re.compile(r"shop-dev|shop/dev|<<ref:/[^>]*?::[^#>]+(?=#)")


def mentions(graph):
    """Yield every place where a resource says a name of the stack, with the text that says it wrong by one letter."""
    for node in graph.resources():
        for path, value in strings({key: value for key, value in node.inputs.items() if key != "code"}):
            for found in MENTION.finditer(value):
                if "data:aws:" not in found[0] and not any(f"{node.name}.{path}".endswith(free) for free in FREE):
                    yield node.id, path, f"{value[: found.end()]}x{value[found.end() :]}"


def put(inputs, path, value):
    *outer, last = [int(word[1:-1]) if word[0] == "[" else word for word in re.findall(r"[^.\[\]]+|\[\d+\]", path)]
    for key in outer:
        inputs = inputs[key]
    inputs[last] = value


def test_every_name_that_is_off_by_one_letter_is_found(figures):
    graph, before = stacks.graph("dev"), set(proof("dev").findings)
    places, missed = list(mentions(graph)), []
    for node, path, value in places:
        doc = Doc(graph)
        put(doc.nodes[node]["inputs"], path, value)
        if not set(prove(doc.parsed(), stacks.shared(), sources=sources()).findings) - before:
            missed.append(f"{node} {path}")
    figures(f"{len(places) - len(missed)} of {len(places)} mentions of a name, each off by one letter, caught")
    assert missed == []


def test_new_data_wakes_nobody_without_a_notification():
    folder, graph = changed(triggers__new_data=True)
    doc = Doc(graph)
    doc.of("store-data-events")["eventbridge"] = False
    assert "events.notification" in {finding.rule for finding in prove(doc.parsed(), folder).findings}


def test_a_serverless_endpoint_is_not_asked_for_what_it_does_not_measure():
    doc = Doc(stacks.graph("dev", "serving=serverless"))
    metric = doc.of("monitor-latency")["metricQueries"][1]["metric"]
    metric["metricName"] = "InvocationsPerInstance"
    assert "metrics.serverless" in {finding.rule for finding in prove(doc.parsed(), stacks.shared()).findings}


def test_what_the_page_explains_are_the_rules_that_there_are():
    sources = "\n".join(path.read_text() for path in WIRING.glob("*.py"))
    groups = "alarms|definitions|events|functions|limits|metrics|names|roles|schedules|wiring"
    rules = set(re.findall(rf'"((?:{groups})\.[a-z_]+)"', sources))
    page = set(re.findall(rf"^\| `((?:{groups})\.[a-z_]+)`", (ROOT / "docs" / "wiring.md").read_text(), re.MULTILINE))
    assert page == rules


def test_the_document_holds_what_the_text_says():
    found = proof("dev")
    document = json.loads(json.dumps(as_document(found)))
    assert document["holds"] is found.holds
    assert document["proven"] == found.proven
    told = "\n".join(lines(found))
    assert all(entry["what"] in told and entry["try"] in told for entry in [*document["findings"], *document["notes"]])


MATCHES = [
    ({"a": ["x"]}, {"a": "x"}, True),
    ({"a": ["x"]}, {"a": ["y", "x"]}, True),
    ({"a": ["x"]}, {}, False),
    ({"a": ["1"]}, {"a": 1}, False),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [""]}, {"a": ""}, True),
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
    ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
    ({"a": {"b": ["x"]}}, {"a": [{"b": "z"}, {"b": "x"}]}, True),
    ({"a": [{"prefix": "ab"}]}, {"a": "abc"}, True),
    ({"a": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"a": "abc"}, True),
    ({"a": [{"suffix": "bc"}]}, {"a": "abc"}, True),
    ({"a": [{"suffix": {"equals-ignore-case": "BC"}}]}, {"a": "abc"}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, True),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xy"}, False),
    ({"a": [{"anything-but": {"suffix": ["x", "y"]}}]}, {"a": "xy"}, False),
    ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"a": "a/lib/b"}, False),
    ({"a": [{"anything-but": {"equals-ignore-case": "X"}}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": "x"}]}, {}, False),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5.5}, False),
    ({"a": [{"numeric": ["=", 300]}]}, {"a": "300"}, False),
    ({"a": [{"exists": True}]}, {"a": "x"}, True),
    ({"a": [{"exists": False}]}, {}, True),
    ({"a": {"b": [{"exists": False}]}}, {"c": 1}, True),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
    ({"a": [{"equals-ignore-case": "X"}]}, {"a": "x"}, True),
    ({"a": [{"wildcard": "a*c"}]}, {"a": "abbc"}, True),
    ({"a": [{"wildcard": "a\\*c"}]}, {"a": "abc"}, False),
    ({"a": [{"wildcard": "a\\*c"}]}, {"a": "a*c"}, True),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), MATCHES, ids=str)
def test_a_pattern_matches_as_eventbridge_does(pattern, event, expected):
    assert matches(pattern, event) is expected


MALFORMED = [
    {},
    {"a": []},
    {"a": "x"},
    {"a": 1},
    {"a": {}},
    {"a": [["x"]]},
    {"a": [{"cidr": "10.0.0.0/8"}]},
    {"a": [{"starts-with": "x"}]},
    {"a": [{"prefix": "x", "suffix": "y"}]},
    {"a": [{"prefix": 1}]},
    {"a": [{"exists": "true"}]},
    {"a": [{"numeric": [">"]}]},
    {"a": [{"numeric": [">", "0"]}]},
    {"a": [{"numeric": ["!=", 0]}]},
    {"a": [{"wildcard": "a**b"}]},
    {"a": [{"wildcard": "a\\b"}]},
    {"a": [{"anything-but": {"exists": True}}]},
    {"a": [{"anything-but": []}]},
    {"$or": [{"a": ["x"]}]},
]


@pytest.mark.parametrize("pattern", MALFORMED, ids=str)
def test_a_malformed_pattern_is_refused(pattern):
    with pytest.raises(PatternError):
        matches(pattern, {"a": "x"})

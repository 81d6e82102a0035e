"""Parameters, budgets and topics: what a person sets, what is spent, and what a person is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError
from smallstack import ACCOUNT_ID, DAY, HOUR, KEY, REGION, START, arn, small

from loopwright.rehearsal.aws.alarms import Alarm, State, initial
from loopwright.rehearsal.aws.budgets import Budgets
from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.parameters import Parameters
from loopwright.rehearsal.aws.topics import Topics

TOPIC, SWITCH = arn("sns", "alerts"), "/small/dev/paused"
ALARM = Alarm.of(
    {
        "name": "small-failed",
        "namespace": "Loop",
        "metricName": "Failed",
        "period": 60,
        "statistic": "Sum",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0,
        "evaluationPeriods": 1,
        "alarmActions": [TOPIC],
    }
)
BROKEN = State(value="ALARM", reason="because", since=START)


def code(call, *arguments, **named):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    return caught.value.response["Error"]["Code"]


def parameters(**changed):
    clock = Clock(START)
    return clock, Parameters(small(parameter=changed), clock)


def test_a_parameter_is_what_the_program_says_until_a_person_says_otherwise():
    clock, known = parameters()
    first = known.get_parameter(Name=SWITCH)["Parameter"]
    assert (first["Value"], first["Version"], first["LastModifiedDate"]) == ("false", 1, START)
    assert (first["Type"], first["ARN"]) == ("String", arn("ssm", f"parameter{SWITCH}"))
    clock.run(START + HOUR)
    known.put(SWITCH, "true")
    second = known.get_parameter(Name=SWITCH)["Parameter"]
    assert (second["Value"], second["Version"], second["LastModifiedDate"]) == ("true", 2, START + HOUR)


def test_a_value_that_the_pattern_forbids_is_refused():
    _, known = parameters()
    assert code(known.put, SWITCH, "yes") == "ParameterPatternMismatchException"
    assert known.get_parameter(Name=SWITCH)["Parameter"]["Value"] == "false"


def test_a_parameter_that_is_not_there_is_not_found():
    _, known = parameters()
    assert code(known.get_parameter, Name="/small/dev/other") == code(known.put, "other", "true") == "ParameterNotFound"
    with pytest.raises(UnknownError):
        known.get_parameter(Name=f"{SWITCH}:1")


@pytest.mark.parametrize("odd", [{"type": "SecureString"}, {"insecureValue": None}, {"insecureValue": KEY}])
def test_a_parameter_that_is_no_plain_text_is_refused(odd):
    with pytest.raises(UnknownError):
        parameters(**odd)


class Spending:
    """A budget and what is spent."""

    def __init__(self, seed=0, **changed):
        self.clock, self.spent = Clock(START), 0.0
        self.budgets = Budgets(small(budget=changed), self.clock, lambda: self.spent, seed=seed)

    @property
    def budget(self):
        return self.budgets.describe_budget(AccountId=ACCOUNT_ID, BudgetName="small-budget")["Budget"]

    @property
    def figure(self):
        return float(self.budget["CalculatedSpend"]["ActualSpend"]["Amount"])

    def updates(self, span):
        """Return when the figure changed, to the minute, while every minute costs something."""
        found, last = [], self.figure
        for _ in range(int(span / timedelta(minutes=1))):
            self.spent += 1
            self.clock.run(self.clock.now + timedelta(minutes=1))
            if self.figure != last:
                found.append(self.clock.now)
                last = self.figure
        return found


def test_what_is_spent_shows_at_the_next_update_and_not_before():
    spending = Spending()
    spending.spent = 12.3456
    spending.clock.run(START + timedelta(hours=7, minutes=59))
    assert spending.figure == 0.0
    spending.clock.run(START + 12 * HOUR)
    assert spending.figure == 12.346
    spent = spending.budget["CalculatedSpend"]["ActualSpend"]
    assert (spending.budget["TimeUnit"], spent["Unit"]) == ("MONTHLY", "USD")
    assert spending.budget["BudgetLimit"] == {"Amount": "300.00", "Unit": "USD"}
    assert START + 8 * HOUR <= spending.budget["LastUpdatedTime"] <= START + 12 * HOUR


def test_updates_come_8_to_12_hours_after_each_other_and_as_the_seed_says():
    times = Spending(seed=1).updates(10 * DAY)
    spans = [later - earlier for earlier, later in pairwise(times)]
    slack = timedelta(minutes=1)
    assert all(8 * HOUR - slack <= span <= 12 * HOUR + slack for span in spans)
    assert max(spans) - min(spans) > HOUR
    assert times == Spending(seed=1).updates(10 * DAY) != Spending(seed=2).updates(10 * DAY)


@pytest.mark.parametrize(("account", "name"), [("0" * 12, "small-budget"), (ACCOUNT_ID, "other")])
def test_a_budget_of_others_is_not_found(account, name):
    assert code(Spending().budgets.describe_budget, AccountId=account, BudgetName=name) == "NotFoundException"


@pytest.mark.parametrize("odd", [{"timeUnit": "DAILY"}, {"limitUnit": "EUR"}, {"budgetType": "USAGE"}])
def test_another_kind_of_budget_is_refused(odd):
    with pytest.raises(UnknownError):
        Spending(**odd)


def told(*without, **changed):
    """Return what arrives of an alarm's action."""
    clock = Clock(START)
    topics = Topics(small(*without, **changed), clock)
    topics.tell(ALARM, initial(START), BROKEN)
    return topics.notices


def test_what_is_published_is_kept_with_its_time():
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    topics = Topics(small(), clock)
    clock.run(START + HOUR)
    first = topics.publish(TopicArn=TOPIC, Subject="small dev: held", Message="words")
    second = topics.publish(TopicArn=TOPIC, Message="more")
    assert first["MessageId"] != second["MessageId"]
    one, other = topics.notices
    assert (one.topic, one.subject, one.message, one.sent) == (TOPIC, "small dev: held", "words", START + HOUR)
    assert (other.subject, other.message) == ("", "more")


@pytest.mark.parametrize("odd", [{"Subject": "x" * 100}, {"Subject": "é"}, {"Subject": "a\nb"}, {"Message": ""}])
def test_what_sns_does_not_take_is_refused(odd):
    topics = Topics(small(), Clock(START))
    assert code(topics.publish, **{"TopicArn": TOPIC, "Message": "words"} | odd) == "InvalidParameter"
    assert topics.notices == []


def test_a_topic_of_others_is_not_found():
    assert code(Topics(small(), Clock(START)).publish, TopicArn=arn("sns", "other"), Message="words") == "NotFound"


def test_an_alarm_arrives_with_what_it_says():
    (notice,) = told()
    assert notice.subject == f'ALARM: "small-failed" in {REGION}'
    message = json.loads(notice.message)
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["NewStateReason"] == "because"


def test_a_change_that_no_action_is_for_is_told_to_nobody():
    topics = Topics(small(), Clock(START))
    topics.tell(ALARM, BROKEN, replace(BROKEN, value="OK"))
    assert topics.notices == []


def policy(**changes):
    given = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
    given |= {"Principal": {"Service": "cloudwatch.amazonaws.com"}} | changes
    return {"policy": json.dumps({"Statement": [given]})}


def under(source):
    return policy(Condition={"ArnLike": {"aws:SourceArn": source}})


def test_the_alarm_is_the_source_of_what_its_action_publishes():
    assert told(topic_policy=under(arn("cloudwatch", "alarm:small-*")))
    assert not told(topic_policy=under(arn("cloudwatch", "alarm:other-*")))


@pytest.mark.parametrize(
    ("without", "changed"),
    [
        (("topic-policy",), {}),
        (("topic", "topic-policy"), {}),
        ((), {"topic_policy": policy(Principal={"Service": "budgets.amazonaws.com"})}),
        ((), {"topic_policy": policy(Effect="Deny")}),
        ((), {"key": {"policy": json.dumps({"Statement": []})}}),
    ],
)
def test_without_a_permission_nothing_arrives_and_nobody_hears_of_it(without, changed):
    assert told(*without, **changed) == []


def test_an_action_that_is_no_topic_is_unknown():
    topics = Topics(small(), Clock(START))
    with pytest.raises(UnknownError, match="automate"):
        topics.tell(replace(ALARM, actions={"ALARM": ("arn:aws:automate:eu-west-1:ec2:stop",)}), initial(START), BROKEN)

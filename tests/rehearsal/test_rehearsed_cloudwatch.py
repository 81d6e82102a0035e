"""CloudWatch as a service: alarms change as if evaluated every minute, and calls say and take what AWS's do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.rehearsal.aws.alarms import Alarm, checked, initial
from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.cloudwatch import CloudWatch
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.logs import Filter, Filters
from loopwright.rehearsal.aws.metrics import Metrics

START = datetime(2026, 1, 5, 11, 58, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
NAMES = ("Failed", "Requests")
DIMENSIONS = {"Endpoint": "shop"}
SHARED = {"name": "shop-failed", "comparisonOperator": "GreaterThanThreshold", "threshold": 1, "evaluationPeriods": 1}
SINGLE = {"namespace": "Loop", "metricName": "Failed", "dimensions": DIMENSIONS, "period": 60, "statistic": "Maximum"}
SHARE = "IF(requests > 2, failed / requests, 0)"
LOG = {"logGroupName": "log", "pattern": '{ $.odd = "1" }'}
COUNTED = {"name": "Failed", "namespace": "Logs", "value": "1", "defaultValue": "0"}


def single(**changes):
    return SHARED | SINGLE | changes


def share(period, **changes):
    """Return an alarm on an expression over both metrics."""

    def line(name):
        metric = {"namespace": "Loop", "metricName": name, "dimensions": DIMENSIONS, "period": period, "stat": "Sum"}
        return {"id": name.lower(), "metric": metric}

    value = {"id": "value", "expression": SHARE, "returnData": True}
    return SHARED | {"threshold": 0.5, "metricQueries": [value, *map(line, NAMES)]} | changes


class World:
    """Metrics, filters and the alarms on them."""

    def __init__(self, *alarms, start=START):
        self.clock, self.metrics, self.seen = Clock(start), Metrics(), []
        self.alarms = [Alarm.of(each) for each in alarms]
        made = Filter.of({"name": "odd", "metricTransformation": COUNTED, **LOG})
        self.filters = Filters([made], self.metrics)

    def watched(self):
        self.watch = CloudWatch(self.clock, self.metrics, self.filters, self.alarms, changed=self._changed)
        return self

    def _changed(self, alarm, old, new):
        self.seen.append((self.clock.now, alarm.name, old.value, new.value))

    def put(self, time, name="Failed", value=5.0, late=0):
        """Plan a point for a time; it says that it is older by some minutes."""
        self.clock.at(time, lambda: self.metrics.put("Loop", name, DIMENSIONS, value, self.clock.now - late * MINUTE))

    def write(self, time, odd):
        line = json.dumps({"odd": str(odd)})
        self.clock.at(time, lambda: self.filters.write("log", line, self.clock.now))

    def plainly(self, until):
        """Evaluate every alarm at every minute of its grid."""
        states = {alarm.name: initial(self.clock.now) for alarm in self.alarms}
        minute = START.replace(second=0)
        while (minute := minute + MINUTE) <= until:
            self.clock.run(minute)
            self.filters.close(minute)
            for alarm in self.alarms:
                if alarm.every == MINUTE or minute.minute == 0:
                    old = states[alarm.name]
                    states[alarm.name] = checked(alarm, self.metrics, old, minute)
                    if states[alarm.name] is not old:
                        self._changed(alarm, old, states[alarm.name])
        return self.seen


POINTS = st.lists(
    st.tuples(
        st.integers(0, 20 * 60).map(lambda number: number * 20),
        st.sampled_from(NAMES),
        st.sampled_from([0.0, 1.0, 5.0]),
        st.sampled_from([0, 0, 0, 1, 7, 200]),
    ),
    max_size=30,
)
LINES = st.lists(st.tuples(st.integers(0, 400 * 60), st.integers(0, 1)), max_size=5)
# The period, N, and whether such an alarm is evaluated by the hour.
WINDOWS = st.sampled_from([(60, 1), (60, 3), (300, 2), (3600, 1), (10_800, 1), (86_400, 1), (43_200, 3)])
KINDS = st.sampled_from(["single", "share", "logs"])
RULES = st.tuples(KINDS, WINDOWS, st.integers(1, 3), st.sampled_from(TREATMENTS))


def rule(number, kind, window, m, treatment):
    period, n = window
    common = {
        "name": f"{number}",
        "evaluationPeriods": n,
        "datapointsToAlarm": min(m, n),
        "treatMissingData": treatment,
    }
    if kind == "share":
        return share(period, **common)
    more = {"namespace": "Logs", "dimensions": {}, "threshold": 0} if kind == "logs" else {}
    return single(period=period, **common, **more)


@settings(deadline=None, max_examples=40)
@given(st.lists(RULES, min_size=1, max_size=4), POINTS, LINES)
def test_the_states_are_those_of_an_evaluation_at_every_minute(rules, points, lines):
    alarms = [rule(number, *each) for number, each in enumerate(rules)]
    until = START + 2 * DAY if any(each[1][0] > 3600 for each in rules) else START + 12 * HOUR
    worlds = World(*alarms), World(*alarms)
    for world in worlds:
        for seconds, name, value, late in points:
            world.put(START + seconds * SECOND, name, value, late)
        for seconds, odd in lines:
            world.write(START + seconds * SECOND, odd)
    worlds[0].watched().clock.run(until)
    assert worlds[0].seen == worlds[1].plainly(until)


def alarmed(*alarms, until=START + HOUR, start=START, points=()):
    """Return the world of alarms after a while with some points, each at a time after the start."""
    world = World(*alarms, start=start).watched()
    for after, value in points:
        world.put(start + after, value=value)
    world.clock.run(until)
    return world


def test_silence_is_noticed_at_the_first_evaluation_without_any_point():
    beat = single(treatMissingData="breaching", period=3600)
    slow = single(name="slow", treatMissingData="breaching", period=86_400, evaluationPeriods=2)
    world = alarmed(beat, slow, until=START + 2 * HOUR)
    assert world.seen == [
        (START.replace(minute=59, second=0), "shop-failed", "INSUFFICIENT_DATA", "ALARM"),
        (START.replace(hour=12, minute=0, second=0), "slow", "INSUFFICIENT_DATA", "ALARM"),
    ]


def test_nothing_is_evaluated_while_nothing_can_change():
    world = World(single(period=300, evaluationPeriods=2)).watched()
    world.clock.run(START + 10 * MINUTE)
    world.put(START + HOUR)
    run, ran = world.watch._evaluate, []
    world.watch._evaluate = lambda moment: ran.append(moment) or run(moment)
    world.clock.run(START + 5 * DAY)
    # N is 2 and two periods more are retrieved: the point enters, moves three times, and leaves.
    assert len(ran) == 5


def test_what_is_late_after_the_minute_was_evaluated_counts_in_the_next():
    world = World(single()).watched()
    minute = START.replace(minute=59, second=0)
    world.clock.run(minute)
    world.put(minute, late=1)
    world.clock.run(minute + 2 * MINUTE)
    assert world.seen[0] == (minute + MINUTE, "shop-failed", "INSUFFICIENT_DATA", "ALARM")


def test_a_line_that_matches_nothing_is_a_point_of_its_minute():
    quiet = single(namespace="Logs", dimensions={}, threshold=0, treatMissingData="missing")
    world = World(quiet).watched()
    world.write(START + 40 * SECOND, 0)
    world.clock.run(START + HOUR)
    assert world.seen[0] == (START.replace(hour=12, minute=0, second=0), "shop-failed", "INSUFFICIENT_DATA", "OK")


def test_alarms_that_change_at_once_do_so_in_their_order():
    world = alarmed(*(single(name=name) for name in ("b", "a", "c")), points=[(MINUTE, 5.0)])
    assert [name for _, name, _, state in world.seen if state == "ALARM"] == ["b", "a", "c"]


def described(world, *names, **more):
    return world.watch.describe_alarms(AlarmNames=list(names), **more)


def test_an_alarm_is_described_with_its_state_and_since_when():
    world = alarmed(single(treatMissingData="ignore"), points=[(MINUTE, 5.0), (2 * MINUTE, 6.0)])
    (alarm,) = described(world, "shop-failed", "none")["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["StateValue"]) == ("shop-failed", "ALARM")
    turned = START.replace(hour=12, minute=0, second=0)
    assert alarm["StateTransitionedTimestamp"] == alarm["StateUpdatedTimestamp"] == turned
    assert alarm["StateReason"].startswith("Threshold Crossed")
    assert (world.watch.state("shop-failed"), world.watch.state("none")) == ("ALARM", "MISSING")


def test_the_kinds_that_are_asked_for_are_described():
    world = alarmed(single())
    both = described(world, "shop-failed", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert (len(both["MetricAlarms"]), both["CompositeAlarms"]) == (1, [])
    assert described(world, "shop-failed", AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []
    with pytest.raises(UnknownError, match="AlarmNames"):
        world.watch.describe_alarms()


def datum(value=5.0, **more):
    return {"MetricName": "Failed", "Dimensions": [{"Name": "Endpoint", "Value": "shop"}], "Value": value, **more}


def test_points_are_put_for_their_time_or_for_now():
    world = alarmed(single())
    now = world.clock.now
    data = [datum(Unit="None"), datum(7.0, Timestamp=now - 10 * MINUTE)]
    world.watch.put_metric_data(Namespace="Loop", MetricData=data)
    series = world.metrics.series(world.alarms[0].queries[0].reads, now + MINUTE, 11)
    assert (series[-1], series[0], series[1:-1]) == (5.0, 7.0, [None] * 9)


def test_a_point_without_a_unit_has_the_unit_none():
    world = alarmed(single())
    world.metrics.put("Loop", "Failed", DIMENSIONS, 1.0, world.clock.now, unit=None)
    for more in ({}, {"Unit": "None"}):
        world.watch.put_metric_data(Namespace="Loop", MetricData=[datum(**more)])
    with pytest.raises(UnknownError, match="Count"):
        world.watch.put_metric_data(Namespace="Loop", MetricData=[datum(Unit="Count")])


def test_who_listens_hears_of_each_point_in_its_minute():
    world, heard = alarmed(), []
    world.metrics.listen(lambda metric, minute: heard.append((metric, minute)))
    world.metrics.put("Loop", "Failed", DIMENSIONS, 1.0, START)
    assert heard == [(("Loop", "Failed", frozenset(DIMENSIONS.items())), START.replace(second=0))]


@pytest.mark.parametrize(
    "bad",
    [
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": 2.0**361},
        {"Timestamp": START + HOUR - 14 * DAY - MINUTE},
        {"Timestamp": START + HOUR + 2 * HOUR + MINUTE},
    ],
)
def test_a_point_that_cloudwatch_does_not_take_spoils_the_request(bad):
    world = alarmed(single())
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        world.watch.put_metric_data(Namespace="Loop", MetricData=[datum(), datum(**bad)])
    series = world.metrics.series(world.alarms[0].queries[0].reads, world.clock.now + MINUTE, 1)
    assert series == [None]


@pytest.mark.parametrize("time", [START + HOUR - 14 * DAY, START + HOUR + 2 * HOUR])
def test_a_point_may_be_two_weeks_old_or_two_hours_early(time):
    alarmed(single()).watch.put_metric_data(Namespace="Loop", MetricData=[datum(Timestamp=time)])


@pytest.mark.parametrize(
    ("namespace", "data"),
    [
        ("AWS/Lambda", datum()),
        ("Loop", datum(StorageResolution=1)),
        ("Loop", {"MetricName": "Failed", "Values": [1.0]}),
        ("Loop", {"MetricName": "Failed"}),
    ],
)
def test_points_that_are_not_emulated_are_refused(namespace, data):
    with pytest.raises(UnknownError):
        alarmed(single()).watch.put_metric_data(Namespace=namespace, MetricData=[data])

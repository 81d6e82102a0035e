"""Metric filters: patterns as the page has them, values, and the default of a minute without a match."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.logs import Filter, Filters
from loopwright.rehearsal.aws.metrics import Metric, Metrics
from loopwright.rehearsal.aws.selection import selection

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ODD = '{ $.event = "request" && $.odd > 0 }'
INTO = {"name": "Odd", "namespace": "Loop", "value": "1", "defaultValue": "0", "unit": "Count"}
INPUTS = {"name": "odd", "logGroupName": "endpoint", "pattern": ODD, "metricTransformation": INTO}
USER = {
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "eventType": "UpdateTrail",
    "ip": "111.111.111.111",
    "users": [{"id": 2}],
    "nothing": None,
    "flag": True,
}
# The last column: whether the line above matches.
PATTERNS = [
    ('{ $.eventType = "UpdateTrail" }', True),
    ("{ $.eventType = UpdateTrail }", True),
    ('{ $.eventType != "UpdateTrail" }', False),
    ('{ $.eventType = "updatetrail" }', False),
    ('{ $.eventType = "Update*" }', True),
    ('{ $.ip != "123.123.*" }', True),
    ('{ $.ip = "123.123.*" }', False),
    ('{ $.ip = "111.111*" && $.user.id = 1 }', True),
    ("{ $.user.id = 1 }", True),
    ("{ $.user.id = 1e0 }", True),
    ("{ $.user.id != 1 }", False),
    ("{ $.user.id > 0.5 }", True),
    ("{ $.user.id >= 1 }", True),
    ("{ $.user.id < +1 }", False),
    ("{ $.user.id <= -1 }", False),
    ('{ $.user.id = "1" }', False),
    ("{ $.eventType = 1 }", False),
    ("{ $.users = 1 }", False),
    ("{ $.users != 1 }", False),
    ('{ $.user != "a" }', False),
    ('{ $.absent != "a" }', False),
    ("{ $.absent.deeper != 1 }", False),
    ("{ $.user.id.deeper = 1 }", False),
    ("{ $.nothing < 1 }", False),
    ("{ $.flag = 1 }", False),
    ('{ $.user.email = "John*" || $.user.id = 2 && $.ip = "no" }', True),
    ('{ ($.user.email = "John*" || $.user.id = 2) && $.ip = "no" }', False),
    ('{ ($.user.id = 2 && $.ip = "no") || $.user.id = 1 }', True),
    ('{$.user.id=1&&$.eventType="UpdateTrail"}', True),
]


@pytest.mark.parametrize(("pattern", "found"), PATTERNS)
def test_patterns(pattern, found):
    assert selection(pattern)(USER) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        "{ }",
        "[ip, user]",
        '"INTERNAL SERVER ERROR"',
        "{ $.a = 1",
        "$.a = 1",
        "{ $.a = 1 } extra",
        "{ $.a[0] = 1 }",
        "{ $.a IS NULL }",
        "{ $.a NOT EXISTS }",
        "{ $.a = TRUE }",
        "{ $.a = %4[0-9]% }",
        "{ $.a = 123.* }",
        "{ $.a = 1.2.3 }",
        '{ $.a > "b" }',
        "{ $.a 1 }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a = 1 & $.b = 1 }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $ = 1 }",
        "{ $.a == 1 }",
        "{ $.* = 1 }",
    ],
)
def test_a_pattern_that_is_not_emulated_is_refused(pattern):
    with pytest.raises(UnknownError):
        selection(pattern)


def logs(**changes):
    metrics = Metrics()
    return metrics, Filters([Filter.of(INPUTS | {"metricTransformation": INTO | changes})], metrics)


def read(metrics, count=3, stat="Sum", until=NOON + 3 * MINUTE):
    metric = Metric(namespace="Loop", name="Odd", dimensions={}, stat=stat, period=MINUTE)
    return metrics.series(metric, until, count)


def line(odd, event="request"):
    return json.dumps({"event": event, "odd": odd})


def test_matches_are_summed_and_a_minute_of_lines_without_one_has_the_default():
    metrics, filters = logs()
    for odd, seconds in ((1, 0), (2, 30), (0, 40), (0, 60), (0, 70)):
        filters.write("endpoint", line(odd), NOON + timedelta(seconds=seconds))
    filters.close(NOON + 3 * MINUTE)
    assert read(metrics) == [2, 0, None]
    assert read(metrics, stat="SampleCount") == [2, 1, None]


def test_the_default_waits_for_the_end_of_its_minute():
    metrics, filters = logs()
    filters.write("endpoint", line(0), NOON)
    filters.close(NOON + timedelta(seconds=59))
    assert read(metrics) == [None, None, None]
    filters.write("endpoint", line(1), NOON + timedelta(seconds=59))
    filters.close(NOON + MINUTE)
    filters.close(NOON + 2 * MINUTE)
    assert read(metrics, stat="SampleCount") == [1, None, None]
    assert read(metrics) == [1, None, None]


def test_a_default_is_reported_once():
    metrics, filters = logs()
    filters.write("endpoint", line(0), NOON)
    for step in (1, 2, 3):
        filters.close(NOON + step * MINUTE)
    assert read(metrics, stat="SampleCount") == [1, None, None]


def test_without_a_default_a_minute_without_a_match_is_missing():
    metrics, filters = logs(defaultValue=None)
    filters.write("endpoint", line(0), NOON)
    filters.write("endpoint", line(1), NOON + MINUTE)
    filters.close(NOON + 3 * MINUTE)
    assert read(metrics) == [None, 1, None]


@pytest.mark.parametrize(
    "text", ["no JSON at all", '"request"', "[1]", "7", "null", "", '{"event": "request", "odd": Infinity}']
)
def test_a_line_that_is_no_json_object_matches_nothing_and_is_a_line_all_the_same(text):
    metrics, filters = logs()
    filters.write("endpoint", text, NOON)
    filters.close(NOON + MINUTE)
    assert read(metrics) == [0, None, None]


def test_a_filter_reads_its_own_group_only():
    metrics, filters = logs()
    filters.write("elsewhere", line(1), NOON)
    filters.close(NOON + MINUTE)
    assert read(metrics) == [None, None, None]


def test_a_value_can_be_a_field_of_the_line():
    metrics, filters = logs(value="$.odd")
    filters.write("endpoint", line(3), NOON)
    filters.write("endpoint", line(4.5), NOON)
    filters.close(NOON + MINUTE)
    assert read(metrics) == [7.5, None, None]


def test_a_value_that_is_no_number_is_no_point():
    inputs = INPUTS | {"pattern": '{ $.event = "request" }', "metricTransformation": INTO | {"value": "$.odd"}}
    metrics = Metrics()
    filters = Filters([Filter.of(inputs)], metrics)
    for odd in ('"3"', "true", "null", "1e999"):
        filters.write("endpoint", f'{{"event": "request", "odd": {odd}}}', NOON)
    filters.close(NOON + MINUTE)
    assert read(metrics) == [0, None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": "ERROR"},
        {"applyOnTransformedLogs": True},
        {"metricTransformation": INTO | {"dimensions": {"a": "$.a"}}},
        {"metricTransformation": INTO | {"value": "$.a[0]"}},
    ],
)
def test_a_filter_that_is_not_emulated_is_refused(change):
    with pytest.raises(UnknownError):
        Filter.of(INPUTS | change)

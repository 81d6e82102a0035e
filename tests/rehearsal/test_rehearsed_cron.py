"""Cron, rate and one-time expressions, by the tables of the pages that the modules name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.scheduler import next_after


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DUE = [
    # The page's examples.
    ("cron(0 10 * * ? *)", "2026-03-01T10:00", "2026-03-02T10:00"),
    ("cron(15 12 * * ? *)", "2026-03-01T12:14", "2026-03-01T12:15"),
    ("cron(0 18 ? * MON-FRI *)", "2026-03-06T18:00", "2026-03-09T18:00"),
    ("cron(0 8 1 * ? *)", "2026-03-01T08:00", "2026-04-01T08:00"),
    ("cron(0/15 * * * ? *)", "2026-03-01T23:46", "2026-03-02T00:00"),
    ("cron(0/10 * ? * MON-FRI *)", "2026-03-06T23:50", "2026-03-09T00:00"),
    ("cron(0/5 8-17 ? * MON-FRI *)", "2026-03-06T17:55", "2026-03-09T08:00"),
    ("cron(5,35 14 * * ? *)", "2026-03-01T14:05", "2026-03-01T14:35"),
    ("cron(15 10 ? * 6L 2019-2022)", "2019-01-01T00:00", "2019-01-25T10:15"),
    # Its wildcards.
    ("cron(1/10 0 * * ? *)", "2026-03-01T00:00", "2026-03-01T00:01"),
    ("cron(1/10 0 * * ? *)", "2026-03-01T00:01", "2026-03-01T00:11"),
    ("cron(1/10 0 * * ? *)", "2026-03-01T00:51", "2026-03-02T00:01"),
    ("cron(*/20 0 * * ? *)", "2026-03-01T00:20", "2026-03-01T00:40"),
    ("cron(0 0 1 JAN,FEB,MAR ? *)", "2026-03-01T00:00", "2027-01-01T00:00"),
    ("cron(0 0 1-15 * ? *)", "2026-03-15T00:00", "2026-04-01T00:00"),
    ("cron(0 0 L * ? *)", "2028-02-01T00:00", "2028-02-29T00:00"),
    ("cron(0 0 ? * L *)", "2026-03-01T00:00", "2026-03-07T00:00"),
    ("cron(0 0 ? * 3#2 *)", "2026-03-01T00:00", "2026-03-10T00:00"),
    ("cron(0 0 ? * TUE#2 *)", "2026-03-01T00:00", "2026-03-10T00:00"),
    ("cron(0 0 ? * 1#5 *)", "2026-04-01T00:00", "2026-05-31T00:00"),
    ("cron(0 0 ? * FRIL *)", "2026-03-01T00:00", "2026-03-27T00:00"),
    ("cron(0 0 7W * ? *)", "2026-03-01T00:00", "2026-03-06T00:00"),  # the 7th is a Saturday
    ("cron(0 0 8W * ? *)", "2026-03-01T00:00", "2026-03-09T00:00"),  # the 8th is a Sunday
    ("cron(0 0 3W * ? *)", "2026-03-01T00:00", "2026-03-03T00:00"),
    ("cron(0 0 31 * ? *)", "2026-03-31T00:00", "2026-05-31T00:00"),
    ("cron(0 0 29 2 ? *)", "2026-03-01T00:00", "2028-02-29T00:00"),
    ("cron(0 0 ? * 1 *)", "2026-03-02T00:00", "2026-03-08T00:00"),
    # The last year, and after it.
    ("cron(0 0 1 1 ? 2199)", "2026-01-01T00:00", "2199-01-01T00:00"),
    ("cron(0 0 1 1 ? 2026)", "2026-01-01T00:00", None),
    ("rate(5 minutes)", "2026-03-01T00:00", "2026-03-01T00:05"),
    ("rate(1 hour)", "2026-03-01T00:00", "2026-03-01T01:00"),
    ("rate(7 days)", "2026-03-01T00:00", "2026-03-08T00:00"),
    ("at(2026-03-01T12:00:30)", "2026-03-01T00:00", "2026-03-01T12:00:30"),
    ("at(2026-03-01T12:00:30)", "2026-03-01T12:00:30", None),
]


@pytest.mark.parametrize(("expression", "moment", "due"), DUE)
def test_an_expression_is_due_when_the_page_says(expression, moment, due):
    assert next_after(expression, at(moment)) == (at(due) if due else None)


REFUSED = [
    "cron(0 0 * * * *)",  # both days
    "cron(0 0 ? * ? *)",
    "cron(0 0 * * ?)",  # five fields
    "cron(60 0 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 0 0 * ? *)",
    "cron(0 0 32 * ? *)",
    "cron(0 0 1 13 ? *)",
    "cron(0 0 ? * 0 *)",
    "cron(0 0 ? * 8 *)",
    "cron(0 0 1 1 ? 1969)",
    "cron(0 0 1 1 ? 2200)",
    "cron(? 0 * * ? *)",
    "cron(0 0 ? * 3#1,6#3 *)",  # the page's own example of what is not valid
    "cron(0 0 ? * 3#6 *)",
    "cron(0/0 0 * * ? *)",
    "cron(0/ 0 * * ? *)",
    "cron(*-5 0 * * ? *)",
    "cron(0/30 20-2 ? * MON-FRI *)",  # what the page says of it fits no reading of its fields
    "cron(0 8-17/2 * * ? *)",
    "cron(0 0 LW * ? *)",
    "cron(0 0 1W * ? *)",
    "cron(0 0 28W * ? *)",
    "cron(0 0 1 JANUARY ? *)",
    "rate(1 hours)",
    "rate(5 hour)",
    "rate(0 minute)",
    "rate(0 minutes)",
    "rate(1 week)",
    "at(2026-03-01)",
    "@daily",
]


@pytest.mark.parametrize("expression", REFUSED)
def test_what_the_page_does_not_say_is_refused(expression):
    with pytest.raises(UnknownError):
        next_after(expression, at("2026-03-01T00:00"))


def test_an_unknown_zone_is_refused():
    with pytest.raises(UnknownError, match="Nowhere"):
        next_after("cron(0 0 * * ? *)", at("2026-03-01T00:00"), "Europe/Nowhere")


ZONE = "Europe/Berlin"  # +1, and +2 from 2026-03-29T02:00 to 2026-10-25T03:00


@pytest.mark.parametrize(
    ("expression", "moment", "due"),
    [
        ("cron(0 10 * * ? *)", "2026-03-28T12:00", "2026-03-29T08:00"),
        ("cron(30 2 * * ? *)", "2026-03-28T12:00", "2026-03-30T00:30"),  # 02:30 is not there on the 29th
        ("cron(30 2 * * ? *)", "2026-10-24T12:00", "2026-10-25T00:30"),  # it is there twice on the 25th
        ("cron(30 2 * * ? *)", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("at(2026-07-01T02:00:00)", "2026-01-01T00:00", "2026-07-01T00:00"),
        ("rate(1 day)", "2026-03-28T12:00", "2026-03-29T12:00"),
    ],
)
def test_summer_time_is_as_the_page_says(expression, moment, due):
    assert next_after(expression, at(moment), ZONE) == at(due)


@pytest.mark.parametrize("text", ["2026-03-29T02:30:00", "2026-10-25T02:30:00"])
def test_a_single_time_that_is_not_one_is_refused(text):
    with pytest.raises(UnknownError) as refused:
        next_after(f"at({text})", at("2026-01-01T00:00"), ZONE)
    assert "has not this time" in refused.value.because


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.integers(0, 59), st.integers(0, 23), st.integers(1, 7), st.sampled_from(["UTC", ZONE]))
def test_a_weekly_time_is_the_first_that_fits(moment, minute, hour, weekday, zone):
    due = next_after(f"cron({minute} {hour} ? * {weekday} *)", moment, zone)
    assert due > moment
    local = due.astimezone(ZoneInfo(zone))
    assert (local.minute, local.hour, local.isoweekday() % 7 + 1) == (minute, hour, weekday)
    # A week and an hour: over a change of the clock; two where the time is skipped.
    assert due - moment <= timedelta(days=14, hours=1)


@given(moments, moments, st.integers(2, 500), st.sampled_from(["minute", "hour", "day"]))
def test_a_rate_keeps_the_beat_of_its_start(moment, start, number, unit):
    every = timedelta(**{f"{unit}s": number})
    due = next_after(f"rate({number} {unit}s)", moment, start=start)
    assert due > moment
    assert (due - start) % every == timedelta(0)
    assert due == start if moment < start else due - moment <= every

"""Faults in the real handlers, one at a time: each is a mistake that somebody could make, and has to be noticed."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

from handlers import aws, cleanup, controller, deployer, history, reports, retraining, rollout

MUTANTS = {}
real_due = retraining._due


def mutant(noticed_by):
    """Register a function that puts one fault in, under the invariant that must notice it."""

    def register(put_in):
        MUTANTS[put_in.__name__] = (put_in, noticed_by)
        return put_in

    return register


def nothing(*_anything):
    """Stand in for a guard that was left out."""


# The controller


@mutant("one_in_flight")
def ignores_what_is_in_flight(patch):
    patch.setattr(retraining, "_in_flight", nothing)


@mutant("one_in_flight")
def asks_with_a_new_token_each_time(patch):
    patch.setattr(controller, "token", lambda *_: uuid.uuid4().hex * 2)


@mutant("drift_is_answered")
def asks_with_the_same_token_forever(patch):
    patch.setattr(controller, "token", lambda pipeline, _state, _now: (pipeline * 9)[:64])


@mutant("cool_down_and_back_off_kept")
def has_no_cool_down(patch):
    patch.setattr(retraining, "_after", lambda _state, _policy, now, _doublings: now)


@mutant("cool_down_and_back_off_kept")
def does_not_back_off(patch):
    patch.setattr(history, "failed", lambda _executions: [])


@mutant("drift_is_answered")
def backs_off_twice_as_long(patch):
    real = history.fruitless
    patch.setattr(history, "fruitless", lambda executions: [*real(executions), *real(executions)[:1]])


@mutant("rejections_are_backed_off")
def takes_a_rejection_for_a_new_model(patch):
    patch.setattr(controller, "with_reports", lambda executions, _bucket: tuple(executions))


@mutant("rejections_are_backed_off")
def forgets_rejections_beyond_the_newest(patch):
    patch.setattr(reports, "MOST_REPORTS", 1)


@mutant("the_stated_reason_is_true")
def takes_a_rejection_for_no_look(patch):
    real = history.looked
    kept = lambda executions: real([each for each in executions if not each.rejected])  # noqa: E731
    patch.setattr(history, "looked", kept)


@mutant("a_recovery_is_spaced")
def recovers_by_the_day(patch):
    patch.setattr(history, "RECOVERY_EVERY", timedelta(days=1))


@mutant("a_recovery_ends")
def recovers_for_months(patch):
    patch.setattr(history, "LONGEST_RECOVERY", timedelta(days=90))


@mutant("a_recovery_ends")
def recovers_whatever_it_finds(patch):
    patch.setattr(history, "MOST_REJECTIONS", 99)


@mutant("a_recovery_begins_with_a_new_alarm")
def takes_an_alarm_that_lasts_for_a_new_one(patch):
    patch.setattr(history, "is_new", lambda *_: True)


@mutant("the_stated_reason_is_true")
def does_not_recover(patch):
    patch.setattr(history, "recovering", lambda *_: False)


@mutant("looked_within_the_age")
def lets_models_age(patch):
    patch.setattr(retraining, "_due", lambda looked, days, now: days != 12 and real_due(looked, days, now))


@mutant("nothing_without_a_reason")
def takes_an_old_alarm_for_one_that_fires(patch):
    real = controller.read

    def read(settings, **asked):
        state = real(settings, **asked)
        return replace(state, alarms={**state.alarms, "drift": "ALARM" if state.alarms else "OK"})

    patch.setattr(controller, "read", read)


@mutant("within_the_budget")
def ignores_the_budget(patch):
    patch.setattr(retraining, "_over_budget", nothing)


@mutant("one_in_flight")
def takes_what_it_cannot_read_for_calm(patch):
    patch.setattr(retraining, "_unreadable", nothing)


@mutant("within_the_month")
def ignores_the_month(patch):
    patch.setattr(retraining, "_month_full", nothing)


@mutant("not_while_paused")
def ignores_the_switch(patch):
    patch.setattr(retraining, "_paused", nothing)


@mutant("not_from_broken_data")
def learns_from_broken_data(patch):
    patch.setattr(retraining, "_broken_data", nothing)


@mutant("drift_is_answered")
def answers_an_alarm_only_when_it_changes(patch):
    """Act on the edge: the mistake of every rule from alarm to pipeline."""
    seen, real = {}, controller.read

    def read(settings, **asked):
        state = real(settings, **asked)
        edges = {role: "OK" if seen.get(role) == value else value for role, value in state.alarms.items()}
        seen.update(state.alarms)
        return replace(state, alarms=edges)

    patch.setattr(controller, "read", read)


# The deployer


@mutant("never_what_was_rolled_back")
def forgets_that_it_went_back(patch):
    real = rollout._settle
    settled = lambda *of: tuple(replace(mark, deploy="waiting", reject=False) for mark in real(*of))  # noqa: E731
    patch.setattr(rollout, "_settle", settled)


@mutant("never_what_was_rolled_back")
def trusts_the_approval_over_the_mark(patch):
    def desired(packages):
        fit = [each for each in packages if each.approval == "Approved"]
        return max(fit, key=lambda each: each.version, default=None)

    patch.setattr(rollout, "desired", desired)
    patch.setattr(deployer, "desired", desired)


@mutant("only_approved_is_deployed")
def deploys_what_is_not_rejected(patch):
    def desired(packages):
        fit = [each for each in packages if each.approval != "Rejected" and each.deploy != "rolled_back"]
        return max(fit, key=lambda each: each.version, default=None)

    patch.setattr(rollout, "desired", desired)
    patch.setattr(deployer, "desired", desired)
    real = deployer._mark
    patch.setattr(deployer, "_mark", lambda *of, **more: real(*of, **{**more, "only_approved": False}))


@mutant("no_downgrade_by_itself")
def goes_down_by_itself(patch):
    patch.setattr(rollout, "_rejected", lambda *_: True)


@mutant("only_what_was_registered_is_deployed")
def does_not_verify_the_artefact(patch):
    patch.setattr(rollout, "fault_of", lambda *_: "")


@mutant("no_canary_into_an_alarm")
def begins_while_an_alarm_fires(patch):
    real = rollout._obstacle
    patch.setattr(rollout, "_obstacle", lambda state, *more: real(replace(state, alarms={}), *more))


@mutant("the_newest_good_version_serves")
def cannot_go_on_after_half_an_attempt(patch):
    patch.setattr(deployer, "_make", lambda create, _describe, request, _key: create(**request))


@mutant("only_what_went_back_is_condemned")
def takes_a_lost_update_for_a_bad_version(patch):
    real = rollout._settle
    unseen = lambda endpoint, packages: real(replace(endpoint, modified="never"), packages)  # noqa: E731
    patch.setattr(rollout, "_settle", unseen)


@mutant("what_serves_exists")
def cleans_up_by_age(patch):
    patch.setattr(cleanup, "garbage", lambda names, _needed: tuple(names[3:]))


@mutant("rollback_targets_exist")
def keeps_only_what_serves(patch):
    patch.setattr(cleanup, "garbage", lambda names, needed: tuple(each for each in names[1:] if each not in needed))
    patch.setattr(cleanup, "LIVE", "nobody")


# Both


@mutant("recorded_once_or_said_to_be_lost")
def does_not_record(patch):
    patch.setattr(aws.Teller, "_record", nothing)


@mutant("recorded_once_or_said_to_be_lost")
def records_each_attempt(patch):
    real = aws.Teller._record

    def record(teller, wake, document):
        real(teller, wake, document)
        real(teller, replace(wake, now=wake.now - timedelta(seconds=30)), document)

    patch.setattr(aws.Teller, "_record", record)


@mutant("the_stated_reason_is_true")
def says_something_else(patch):
    real = retraining.decide

    def decide(*of):
        decision = real(*of)
        return decision if decision.start else replace(decision, reason="no-reason")

    patch.setattr(controller, "decide", decide)

"""What tests of the controller's decision begin with: a policy, past executions, and a calm state."""

from __future__ import annotations

from datetime import timedelta

from fakes import ARN, START
from handlers.retraining import Execution, Policy, Probe, State

POLICY = Policy(
    schedule_days=7,
    max_age_days=60,
    windows_days=(30, 60),
    cooldown_hours=24,
    max_per_month=8,
    monthly_usd=300,
    new_data=True,
    approval="auto",
)
# So that only what a test is about is in the way.
UNBOUND = {"max_per_month": 1000, "schedule_days": None, "max_age_days": None}


def found(*, go):
    return Probe(go=go, gain=0.03 if go else 0.01, needed=0.02, explanation="by figures")


TOO_EARLY = Probe(go=False, gain=None, needed=None, explanation="nothing can be compared yet")
ENDINGS = {
    "Better": ("Succeeded", found(go=True)),
    "Rejected": ("Succeeded", found(go=False)),
    "Early": ("Succeeded", TOO_EARLY),
    "Refused": ("Failed", None),
}


def ran(*runs):
    """Return executions, the newest first, from their status, their age in hours, and maybe their reason.

    `Better`, `Rejected` and `Early` are ones that ended well: their probe found a better model, or none, or nothing to
    compare with yet. Of `Refused` the gates refused the model.
    """
    return tuple(execution(n, *run) for n, run in enumerate(runs))


def execution(number, ending, hours, reason="unknown", now=START):
    status, probe = ENDINGS.get(ending, (ending, None))
    arn, started = f"{ARN}:pipeline/p/execution/{number}", now - timedelta(hours=hours)
    return Execution(arn=arn, status=status, started=started, reason=reason, probe=probe, refused=ending == "Refused")


CALM = State(alarms={"drift": "OK", "quality": "OK", "data": "OK"}, executions=ran(("Succeeded", 48)), spend_usd=10.0)


def alarm(**roles):
    return {**CALM.alarms, **roles}

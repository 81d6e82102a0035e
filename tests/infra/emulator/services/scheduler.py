"""EventBridge Scheduler: expressions are read, its role must trust it, times have a place."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from emulator import schedules
from emulator.hooks import on
from emulator.policy import usable_role
from emulator.wire import Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call


@on("scheduler", "CreateSchedule", "UpdateSchedule")
def put_schedule(call: Call, moto: Moto) -> Result:
    """Refuse what would never run."""
    schedules.check(call.params["ScheduleExpression"], once=True)
    zone = call.params.get("ScheduleExpressionTimezone") or "UTC"
    if zone not in zoneinfo.available_timezones():
        raise Refused("ValidationException", f"Invalid Schedule Expression Timezone: {zone}.")
    window = call.params["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise Refused("ValidationException", "A maximum window goes with the mode FLEXIBLE, and with no other.")
    usable_role(call.params["Target"]["RoleArn"], "scheduler.amazonaws.com")
    return moto()

"""Play our policy on a stream, and again with every label turned round from some day on; print what it did."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PLACES = (*(ROOT / each for each in ("benchmarks", "generator", "infra")), *ROOT.glob("templates/tabular/*project*"))
sys.path.extend(map(str, PLACES))

from policy.matrix import Matrix  # noqa: E402
from policy.streams import CHANGE, made  # noqa: E402
from policy.study import ours  # noqa: E402

from loopwright.backtest.play.days import play  # noqa: E402

SPAN = range(CHANGE - 15, CHANGE + 25)
POISON = (CHANGE + 12, CHANGE + 17)


def main():
    stream = made("abrupt", 1)
    found = {}
    for day in (SPAN[-1] + 1, *POISON):
        late = np.arange(len(stream.truth)) >= stream.starts[day]
        turned = replace(stream, truth=np.where(late, 1 - stream.truth, stream.truth))
        policy = ours(stream.windows, 7, "auto")
        done = play(Matrix(stream=turned, kept={}), policy, SPAN, 30)
        executions = policy.executions[::-1]
        found[day] = {
            "retrained": done.retrained,
            "executions": [[each.arn, each.reason, each.probe and each.probe.gain] for each in executions],
            "known": [each.arn for each in executions if each.started <= policy.moment(day + stream.delay)],
            "losses": done.losses[: day - SPAN[1]].tolist(),
        }
    sys.stdout.write(json.dumps({"delay": stream.delay, "found": found}))


if __name__ == "__main__":
    main()

"""Stage: the probe. A new model is made only where a challenger beats the champion's own answers by enough.

A run is told why it was started and which windows to try. Without windows, as `make run` starts it, there is nothing to
choose: the model learns from all prepared rows, and the stage costs nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl

from ml import champions, losses, params
from ml import contract as contracts
from ml.contest import MANUAL, Answer, contest
from ml.paths import PROBED, REPORTS, TRAIN
from ml.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] = ()) -> None:
    """Run the stage.

    Raises:
        ParamsError: The windows cannot be meant.
    """
    parser = argparse.ArgumentParser(prog="python -m ml probe")
    parser.add_argument("--reason", default=MANUAL, help="why the run was started; a person's `manual` always goes on")
    parser.add_argument("--windows-days", default="", help="days with commas between: the windows to try")
    parser.add_argument("--champion", action="store_true", help="a platform laid out the champion")
    options = parser.parse_args(list(arguments))
    told, how, contract = params.Run(windows_days=options.windows_days), params.load(), contracts.load()
    told.over(how.prepare)
    lengths = told.lengths()
    if lengths and contract.time_column is not None:
        holder = champions.laid_out() if options.champion else champions.registered(Registry(contract.project))
        answer = contest(pl.read_parquet(TRAIN), contract, how, holder, lengths=lengths, reason=options.reason)
    else:
        why = "rows have no time" if lengths else "no windows were asked for"
        loss = losses.name(contract.metric.name)
        answer = Answer(go=True, reason="no windows", explanation=f"{why}: the model learns from all rows", loss=loss)
    REPORTS.mkdir(exist_ok=True)
    PROBED.write_text(json.dumps(asdict(answer), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"  {'go' if answer.go else 'NO'}    probe     {answer.explanation}\n")

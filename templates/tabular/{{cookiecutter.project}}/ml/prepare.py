"""Stage: check the data against its contract, take the golden rows out, split."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from pandera.errors import SchemaErrors

from ml import contract as contracts
from ml import hashes, params, personal, schema
from ml.errors import LoopError
from ml.frames import as_declared
from ml.paths import HISTORY, PREPARED, REPORTS, TEST, TRAIN
from ml.split import Keys, labelled, since, split, window, with_last_known, without

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml.contract import Contract
    from ml.params import Prepare

MOST_FAILURES = 10


class DataContractError(LoopError):
    """The data breaks its contract."""


def main(arguments: Sequence[str] = ()) -> None:
    """Run the stage; a run may be told until when and how far back it looks, beside `params.yaml`."""
    parser = argparse.ArgumentParser(prog="python -m ml prepare")
    parser.add_argument("--since", default="", help="only rows from this ISO time on count")
    parser.add_argument("--as-of", default="", help="only what was known at this ISO time counts")
    parser.add_argument("--windows-days", default="", help="days with commas between; rows for the longest are kept")
    parser.add_argument("--data-version", default="", help="what the state of the data is called; kept in the report")
    contract, how = contracts.load(), params.load()
    options = vars(parser.parse_args(list(arguments)))
    version = options.pop("data_version")
    within = params.Run(**options).over(how.prepare)
    personal.refuse_use(schema.SCHEMA, contract)
    history = checked(as_declared(pl.read_parquet(HISTORY), schema.SCHEMA))
    fresh(history, contract, within.as_of)
    golden = pl.read_parquet(contract.gates.golden.path) if contract.gates.golden else history.clear()
    train, test, facts = prepared(history, golden, contract, within, how.train.seed)
    TRAIN.parent.mkdir(parents=True, exist_ok=True)
    REPORTS.mkdir(exist_ok=True)
    train.write_parquet(TRAIN)
    test.write_parquet(TEST)
    lineage = {
        "data_version": version,
        "data_sha256": hashes.sha256(HISTORY),
        "window_sha256": hashes.together([TRAIN, TEST]),
    }
    PREPARED.write_text(json.dumps(lineage | facts, indent=1) + "\n", encoding="utf-8")


def checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame``, without its columns of personal data, if it keeps the data contract.

    Raises:
        DataContractError: It does not; every broken rule is named.
    """
    declared = personal.without(schema.SCHEMA)
    if not set(declared.unique or ()) <= set(frame.columns):
        declared.unique = None  # pandera cannot look for the same key twice without the key, which is told as missing
    try:
        return declared.validate(personal.drop(frame, schema.SCHEMA), lazy=True)
    except SchemaErrors as error:
        rules = list(map(_rule, error.failure_cases.to_dicts()))
        broken = list(dict.fromkeys(rules))
        because = "\n           ".join(f"{rule} ({rules.count(rule)} times)" for rule in broken[:MOST_FAILURES])
        if len(broken) > MOST_FAILURES:
            because += f"\n           and {len(broken) - MOST_FAILURES} more rules"
        raise DataContractError(
            "the data breaks its contract",
            because=because,
            attempt="mend the data, or change ml/schema.py if it is right",
        ) from error


def _rule(case: dict[str, Any]) -> str:
    # Of a column that is missing or one too many, pandera gives the name as what failed.
    where = case["failure_case"] if str(case["check"]).startswith("column_in_") else case["column"]
    return f"{'the table' if where is None else where}: {case['check']}"


def fresh(frame: pl.DataFrame, contract: Contract, as_of: datetime | None) -> None:
    """Refuse data that ends too long before the time a run was asked for.

    Raises:
        DataContractError: The newest row is older than `schema.MAX_AGE_DAYS` at ``as_of``.
    """
    limit = schema.MAX_AGE_DAYS
    if as_of is None or limit is None or contract.time_column is None:
        return
    times = frame[contract.time_column]
    newest: datetime | None = times.filter(times <= as_of).max()  # type: ignore[assignment]
    if newest is None or as_of - newest > timedelta(days=limit):
        raise DataContractError(
            "the data is stale",
            because=f"the newest row before {as_of} is of {newest}; MAX_AGE_DAYS in ml/schema.py allows {limit:g} days",
            attempt="bring newer data, or run for an earlier as_of (params.yaml)",
        )


def prepared(
    history: pl.DataFrame, golden: pl.DataFrame, contract: Contract, how: Prepare, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, object]]:
    """Make the training rows and the test rows.

    Args:
        history: All rows, valid.
        golden: Rows that must not be learned from.
        contract: Keys and label delay.
        how: Window and shares.
        seed: Chooses entities or rows.

    Returns:
        Training rows, test rows (with the last known label beside each), and the facts of the split.
    """
    keys = Keys.of(contract)
    known = labelled(since(history, keys, how.since), keys, how.as_of)
    rows = without(known, golden, keys)
    share = _share(rows, keys, how, contract.drift.min_rows)
    parts = split(rows, keys, share=share, entity_share=how.entity_share, seed=seed)
    train, test = window(parts.earlier, keys, how.window_days), with_last_known(parts.later, known, keys)
    facts: dict[str, object] = {
        "rows": history.height,
        "labelled": known.height,
        "golden_left_out": known.height - rows.height,
        "train": train.height,
        "test": test.height,
        "test_from": None if parts.cut is None else parts.cut.isoformat(),
        "train_until": None if keys.time is None else train[keys.time].max().isoformat(),  # type: ignore[union-attr]
    }
    return train, test, facts


def _share(rows: pl.DataFrame, keys: Keys, how: Prepare, least: int) -> float:
    """Return the share of the rows that is the test.

    Of a long past, `test_share` would leave a model that is months behind. So where a run says what is recent, it is
    that share of the recent rows, or of so many more that ``least`` of them judge.
    """
    if how.recent_days is None or keys.time is None or rows.is_empty():
        return how.test_share
    recent = how.test_share * window(rows, keys, how.recent_days).height
    enough = least / (1.0 if keys.entity is None else how.entity_share)
    return min(how.test_share, max(recent, enough) / rows.height)

"""Two tables to compare: a reference, and current rows that moved a little. The same rows each time, at any length.

    python table.py FOLDER ROWS COLUMNS

Of 20 columns, 14 are numbers of seven kinds of distribution, some with nulls, and 6 are texts of 3 to 1,000 levels; any
other number of columns are all numbers. Written by DuckDB, so that 10 million rows need little memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

COLUMNS, NUMBERS = 20, 14
LEVELS = (3, 8, 20, 50, 200, 1000)
MACROS = """
CREATE MACRO uniform(i, k) AS ((hash(i, k) >> 11) + 0.5) / 9007199254740992.0;
CREATE MACRO normal(i, k) AS sqrt(-2 * ln(uniform(i, k))) * cos(2 * pi() * uniform(i, k + 500000));
"""
KINDS = (
    "normal({i}, {k}) + 0.3 * {moved}",
    "exp(3 + 1.2 * normal({i}, {k})) * (1 + 0.25 * {moved})",
    "CASE WHEN uniform({i}, {k} + 250000) > 0.02 + 0.03 * {moved} THEN uniform({i}, {k}) END",
    "round(-10 * ln(uniform({i}, {k}) * uniform({i}, {k} + 250000)), 2)",
    "floor(-4 * ln(uniform({i}, {k})) + 0.5 * {moved})",
    "280 + 5 * normal({i}, {k})",
    "CASE WHEN uniform({i}, {k} + 250000) < 0.6 THEN 0 ELSE -50 * ln(uniform({i}, {k})) END",
)
"""Normal, lognormal, uniform with nulls, money, counts, a narrow range far from 0, and mostly zero."""


def main(folder: str, rows: str, columns: str) -> None:
    """Write `reference.parquet` and `current.parquet`."""
    import duckdb  # noqa: PLC0415 - who asks for `COLUMNS` stays small for the processes that it starts

    for moved, name in enumerate(("reference", "current")):
        selected = ",\n".join(f"{text} AS {column}" for column, text in _columns(int(columns), moved))
        with duckdb.connect(config={"autoinstall_known_extensions": False, "threads": 2}) as connection:
            connection.execute(MACROS)
            connection.execute("SET enable_progress_bar = false")
            path = Path(folder) / f"{name}.parquet"
            start = moved * int(rows)
            connection.execute(
                f"COPY (SELECT {selected} FROM range({start}, {start + int(rows)}) AS numbers(i)) TO '{path}'"  # noqa: S608 # nosec B608
            )


def _columns(columns: int, moved: int) -> list[tuple[str, str]]:
    numbers = NUMBERS if columns == COLUMNS else columns
    # Half of the features moves.
    made = [(f"number_{k}", KINDS[k % len(KINDS)].format(i="i", k=k, moved=moved * (k % 2))) for k in range(numbers)]
    for k, levels in enumerate(LEVELS if columns == COLUMNS else ()):
        power = 3 - 0.5 * moved * (k % 2)
        made.append((f"text_{k}", f"printf('level_%04d', floor({levels} * uniform(i, {k + 900000}) ** {power})::INT)"))
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])

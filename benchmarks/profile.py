"""From a large CSV to an inferred contract: peak memory and seconds, beside what others take to read the file once.

    python benchmarks/profile.py --rows 10000000

Makes a table of 20 columns in a temporary folder, then runs each contender in a process of its own: ours (`ingest`,
`infer`, `write_golden`), DuckDB's own read and SUMMARIZE, and polars' eager read (where it is installed).
Goal for 10 million rows: below 2 GiB.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PICK = "CREATE MACRO pick(i, k) AS (hash(i, k) % 1000000)::BIGINT"
TABLE = """
COPY (
    FROM range({rows}) AS numbers(i)
    SELECT
        i AS row_number,
        printf('c%07d', pick(i, 1) % 500000) AS customer_id,
        TIMESTAMP '2024-01-01' + to_seconds(i * 31536000 // {rows}) AS seen_at,
        ['AT', 'DE', 'FR', 'GB', 'US'][1 + pick(i, 1) % 5] AS country,
        ['desktop', 'mobile', 'tablet'][1 + pick(i, 2) % 3] AS device,
        printf('sku-%04d', pick(i, 3) % 3000) AS product,
        md5(i::VARCHAR) AS session,
        pick(i, 4) % 2 = 0 AS returning_customer,
        pick(i, 5) % 7 AS weekday,
        CASE WHEN pick(i, 6) % 10 > 0 THEN pick(i, 7) % 1000 END AS items,
        {real},
        pick(i, 9) % 4 = 0 AS bought
) TO '{path}' (HEADER)
"""
CONTENDERS = {
    "loopwright": """
from loopwright.contract.golden import write_golden
from loopwright.contract.inference import Wishes, infer
from loopwright.tables.ingest import ingest
history = folder / "history.parquet"
ingest(path, history, time_column="seen_at")
found = infer(history, Wishes(target="bought", time_column="seen_at", entity="customer_id"))
write_golden(history, folder / "golden.parquet", found)
""",
    "duckdb": """
import duckdb
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false").fetchall()
connection.execute(f"CREATE TABLE history AS FROM read_csv('{path}')").fetchall()
connection.execute("SUMMARIZE history").fetchall()
""",
    "polars": """
import polars
polars.read_csv(path, try_parse_dates=True).describe()
""",
}
PREAMBLE = "import sys\nfrom pathlib import Path\npath, folder = Path(sys.argv[1]), Path(sys.argv[2])\n"


# VmHWM is the peak of this process alone; ru_maxrss would start at that of the process that forked it.
PEAK = """
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
"""


def main() -> None:
    """Run the contenders and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table (default: one million)")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.csv"
        _make(path, rows)
        print(f"{rows:,} rows x 20 columns, {path.stat().st_size / 2**20:,.0f} MiB of CSV")
        found = {
            name: _run(name, path) for name in CONTENDERS if name == "loopwright" or importlib.util.find_spec(name)
        }
    ours, memory = found["loopwright"]
    for name, (seconds, peak) in found.items():
        ratios = (
            ""
            if name == "loopwright"
            else f"   ours: {ours / seconds:5.2f} x the time, {memory / peak:5.2f} x the memory"
        )
        print(f"{name:<11}{seconds:8.1f} s {peak:9,.0f} MiB{ratios}")


def _make(path: Path, rows: int) -> None:
    import duckdb  # noqa: PLC0415 - only here, so that this process stays small for the ones it starts

    real = ", ".join(f"round(sqrt(-2 * ln((1 + pick(i, {k})) / 1000001)) * {k}, 3) AS real_{k}" for k in range(20, 29))
    with duckdb.connect() as connection:
        connection.execute(PICK).fetchall()
        connection.execute(TABLE.format(rows=rows, real=real, path=path)).fetchall()


def _run(name: str, path: Path) -> tuple[float, float]:
    """Run a contender in its own process; return its seconds and its peak of resident memory in MiB."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-c", PREAMBLE + CONTENDERS[name] + PEAK, str(path), folder]
        start = time.perf_counter()
        peak = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return time.perf_counter() - start, float(peak)


if __name__ == "__main__":
    main()

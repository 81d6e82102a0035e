"""DuckDB, set up the one way this library uses it: bounded in memory, offline, and quiet.

A session never downloads an extension, spills to a folder that goes away with it, keeps time in UTC, and turns what
DuckDB refuses into a `DataError`.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MEMORY_LIMIT = "1GB"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": MEMORY_LIMIT,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# The bar would land on stdout, where `--json` promises JSON alone.
_SETTINGS = ("TimeZone = 'UTC'", "enable_progress_bar = false")


@dataclass(frozen=True)
class Session:
    """An open DuckDB connection; every query is read to its end at once."""

    connection: Any

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run ``query`` and return all of its rows."""
        found: list[tuple[Any, ...]] = self.connection.execute(query).fetchall()
        return found

    def row(self, query: str) -> tuple[Any, ...]:
        """Run ``query`` and return its first row."""
        return self.rows(query)[0]

    def value(self, query: str) -> Any:
        """Run ``query`` and return the first value of its first row."""
        return self.row(query)[0]

    def doubles(self, rows: str, expressions: list[str]) -> NDArray[np.float64]:
        """Select ``expressions`` as doubles, null as NaN.

        Args:
            rows: What stands behind ``FROM``, conditions included.
            expressions: What to select.

        Returns:
            An array of shape (rows, expressions).
        """
        import numpy as np  # noqa: PLC0415 - late: `loopwright --help` stays fast

        picked = ", ".join(f"coalesce(({part})::DOUBLE, 'nan') AS c{index}" for index, part in enumerate(expressions))
        arrays = self.connection.execute(f"FROM {rows} SELECT {picked}").fetchnumpy()
        return np.column_stack([np.asarray(arrays[f"c{index}"], dtype=np.float64) for index in range(len(expressions))])


@contextlib.contextmanager
def session(subject: Path, *, spill: Path | None = None, threads: int | None = None) -> Iterator[Session]:
    """Open a session about the file ``subject``.

    Args:
        subject: The file that an error is about.
        spill: The folder in which to make, and remove, one for what does not fit in memory; the system's by default.
        threads: How many threads may work; all cores by default.

    Raises:
        DataError: DuckDB refuses what it is asked inside the block.
    """
    import duckdb  # noqa: PLC0415 - late: `loopwright --help` stays fast

    config = _CONFIG | ({"threads": threads} if threads else {})
    with tempfile.TemporaryDirectory(dir=spill, prefix=".spill-") as folder:
        connection = duckdb.connect(config=config | {"temp_directory": folder})
        try:
            for setting in _SETTINGS:
                connection.execute(f"SET {setting}").fetchall()
            yield Session(connection)
        except (duckdb.ParserException, duckdb.BinderException, duckdb.InternalException):
            raise  # our mistake, not the file's
        except duckdb.Error as error:
            raise DataError(
                f"{subject.name} cannot be read as a table",
                because=_reason(error, subject),
                attempt="mend the file at that place, or write it again as Parquet",
            ) from error
        finally:
            connection.close()


def identifier(name: str) -> str:
    """Quote a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Quote a value as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def scan(table: Path, *, numbered: bool = False) -> str:
    """Return the SQL that reads a Parquet file; ``numbered`` adds ``file_row_number``."""
    return f"read_parquet({literal(table)}{', file_row_number = true' if numbered else ''})"


def _reason(error: Exception, subject: Path) -> str:
    """Return the facts of a message of DuckDB: without its advice, its settings and the query."""
    facts: list[str] = []
    message = str(error).replace(str(subject), subject.name).removeprefix("Invalid Input Error: ")
    for line in message.splitlines():
        if line.startswith(("Possible", "LINE ", "  file =")):
            break
        facts.append(line.strip())
    text = "; ".join(filter(None, facts))
    return text if len(text) <= 300 else text[:300] + " ..."  # noqa: PLR2004 - three lines of a terminal

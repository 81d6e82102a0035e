"""State: what the monitor keeps of each period, so that it reads no capture file twice.

periods/PERIOD.json                what was counted; written last, so a period that has it was watched
rows/PERIOD/part-00000.parquet     the accepted rows (`ml/watch/rows.py`)
rows/PERIOD/labels.parquet         the labels that landed for them (`ml/watch/labels.py`)
profiles/PERIOD/SHA.inputs.json    the rows that a model answered, counted by its baseline's buckets
profiles/PERIOD/SHA.predictions.json     and what it said of them
cohorts/PERIOD.json                labelled rows and their losses (`ml/watch/cohorts.py`)
baselines/SHA.json                 the baseline of each model that served
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml import baseline
from ml.watch.rows import part

if TYPE_CHECKING:
    from pathlib import Path

    from ml.baseline import Baseline
    from ml.places import Place
    from ml.window import Window


class State:
    """What is kept, in a place; what has to be copied to be read lies in ``room`` for one run."""

    def __init__(self, place: Place, room: Path) -> None:
        self.place, self.room = place, room
        self._paths: dict[str, Path] = {}
        self._names: dict[str, set[str]] = {}
        self._documents: dict[str, dict[str, Any]] = {}

    def there(self, name: str) -> bool:
        """Tell whether a file is there; each folder is listed once a run."""
        return name in self.names(name.rpartition("/")[0])

    def names(self, folder: str) -> set[str]:
        """Return the names of the files right below a folder."""
        if folder not in self._names:
            self._names[folder] = {file.name for file in self.place.level(folder)[1]}
        return self._names[folder]

    def watched(self, window: Window) -> bool:
        """Tell whether a period was watched."""
        return self.there(f"periods/{window.name}.json")

    def period(self, window: Window) -> dict[str, Any] | None:
        """Return what was counted of a period; None where it was not watched."""
        return self.document(f"periods/{window.name}.json") if self.watched(window) else None

    def keep_period(self, window: Window, document: dict[str, Any]) -> None:
        """Keep what was counted of a period: from now on it was watched."""
        self.keep(f"periods/{window.name}.json", document)

    def document(self, name: str) -> dict[str, Any]:
        """Return a document that is there."""
        if name not in self._documents:
            self._documents[name] = json.loads(self.place.read(name))
        return self._documents[name]

    def keep(self, name: str, document: dict[str, Any]) -> None:
        """Write a document."""
        self._documents[name] = document
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        self.keep_bytes(name, (text + "\n").encode())

    def keep_bytes(self, name: str, content: bytes) -> None:
        """Write a file."""
        self.names(name.rpartition("/")[0]).add(name)
        self.place.write(name, content)

    def part(self, window: Window, number: int) -> str:
        """Return the name of a part of a period's rows."""
        return f"rows/{window.name}/{part(number)}"

    def parts(self, window: Window) -> list[Path]:
        """Return the parts of a watched period's rows, to be read; those that have expired are left out."""
        document = self.period(window) or {"parts": 0}
        names = (self.part(window, number) for number in range(document["parts"]))
        return [self.fetch(name) for name in names if self.there(name)]

    def fetch(self, name: str) -> Path:
        """Return a path to read a file from; what has to be copied is copied once a run."""
        if name not in self._paths:
            self._paths[name] = self.place.fetch(name, self.room)
        return self._paths[name]

    def keep_file(self, name: str, path: Path) -> None:
        """Keep a file that was made here."""
        self.names(name.rpartition("/")[0]).add(name)
        self.place.write(name, path)
        self._paths[name] = path

    def baseline(self, model: str) -> Baseline | None:
        """Return the baseline of a model that served; None where none was kept that this code reads."""
        if not self.there(name := f"baselines/{model}.json"):
            return None
        found = self.fetch(name)
        try:
            return baseline.load(found.parent, found.name)
        except baseline.BaselineError:
            return None

    def keep_baseline(self, model: str, folder: Path) -> None:
        """Keep the baseline of the model in ``folder``, to count what it answered when it no longer serves."""
        if not self.there(name := f"baselines/{model}.json"):
            self.keep_bytes(name, (folder / baseline.FILE).read_bytes())

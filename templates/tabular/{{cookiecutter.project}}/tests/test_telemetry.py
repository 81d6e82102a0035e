"""Log lines: whatever somebody puts into a name or a path, it is one line of JSON that says what it was told."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st

from ml.serving import telemetry

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['\n{"level":"error"}', "\r\n", "\x1b[2J", "\u2028", '"}', "\x00"]
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(level=st.sampled_from(["info", "warning"]), event=TEXT, path=TEXT)
def test_whatever_is_told_is_one_line_of_json(level: str, event: str, path: str) -> None:
    with redirect_stdout(StringIO()) as out:
        telemetry.line(level, event, path=path)
    line = out.getvalue()
    assert line.endswith("\n")

    found = json.loads(line)
    assert [found[key] for key in ("level", "event", "path")] == [level, event, path]
    assert len(line.split("\n")) == 2

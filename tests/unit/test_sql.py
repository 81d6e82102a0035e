from __future__ import annotations

import numpy as np
import pytest

from loopwright.errors import DataError
from loopwright.tables.sql import identifier, literal, session


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable_progress_bar", False),
        ("autoinstall_known_extensions", False),
        ("autoload_known_extensions", False),
        ("TimeZone", "UTC"),
        ("memory_limit", "953.6 MiB"),
    ],
)
def test_a_session_is_quiet_offline_bounded_and_in_utc(tmp_path, setting, value):
    with session(tmp_path / "x") as duck:
        assert duck.value(f"FROM (VALUES (1)) SELECT current_setting('{setting}')") == value


def test_the_spill_folder_goes_away(tmp_path):
    with session(tmp_path / "x", spill=tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_doubles(tmp_path):
    with session(tmp_path / "x") as duck:
        found = duck.doubles("(VALUES (1, true), (NULL, false)) AS t(a, b)", ["a", "b"])
    np.testing.assert_array_equal(found, [[1, 1], [np.nan, 0]])


@pytest.mark.parametrize("text", ['a"b', "a'b", "a\\b", "é\n"])
def test_quotes(tmp_path, text):
    with session(tmp_path / "x") as duck:
        assert duck.rows(f"FROM (FROM (VALUES (1)) SELECT {literal(text)} AS {identifier(text)}) SELECT *") == [(text,)]


def test_what_the_file_did_is_said_without_its_folder(tmp_path):
    path = tmp_path / "broken.parquet"
    path.write_text("no")
    with pytest.raises(DataError) as caught, session(path) as duck:
        duck.rows(f"FROM read_parquet({literal(path)})")
    assert "broken.parquet" in caught.value.format_message()
    assert str(tmp_path) not in caught.value.format_message()

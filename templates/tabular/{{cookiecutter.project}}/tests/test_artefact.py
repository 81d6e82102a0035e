from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.artefact import ArtefactError, digest, verify

NAMES = st.text("abc", min_size=1, max_size=3)
FILES = st.dictionaries(NAMES, st.binary(max_size=4), min_size=1, max_size=3)


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_digest_is_this_one_for_good(tmp_path: Path) -> None:
    """Registered models carry it: another way to hash would refuse every one of them."""
    written(tmp_path, {"b/ä.txt": b"two", "a": b"one", "b/empty": b""})
    assert digest(tmp_path) == hashlib.sha256(b"1 3 aone" + b"7 0 b/empty" + b"8 3 b/\xc3\xa4.txttwo").hexdigest()


@given(FILES, FILES)
def test_other_names_or_other_bytes_have_another_digest(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        same = digest(written(Path(first), one)) == digest(written(Path(second), other))
    assert same == (one == other)


def test_a_byte_that_moves_between_name_and_content_is_noticed(tmp_path: Path) -> None:
    one, other = {"a": b"b", "c": b""}, {"a": b"", "bc": b""}
    assert digest(written(tmp_path / "one", one)) != digest(written(tmp_path / "other", other))


def test_only_the_registered_model_is_let_in(tmp_path: Path) -> None:
    written(tmp_path, {"model.json": b"{}"})
    expected = digest(tmp_path)
    verify(tmp_path, expected)
    written(tmp_path, {"model.json": b"[]"})
    with pytest.raises(ArtefactError) as caught:
        verify(tmp_path, expected)
    assert str(caught.value) == (
        f"the model in {tmp_path} is refused\n"
        f"  because: its SHA-256 is {digest(tmp_path)}, the registered one is {expected}\n"
        "  try: fetch the model from the registry again; if it differs still, somebody changed it there"
    )

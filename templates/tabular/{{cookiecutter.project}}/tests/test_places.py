"""A folder and a prefix on S3 are the same to whoever reads and writes there."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ml.places import Place, PlaceError, place

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class S3:
    """A bucket in memory, which answers listings two keys a page."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.refuses = False

    def client(self, service: str, **_: Any) -> S3:
        assert service == "s3"
        return self

    def put_object(self, Bucket: str, Key: str, Body: Any) -> None:  # noqa: N803 - as boto3 calls it
        self._check(Bucket)
        self.kept[Key] = Body if isinstance(Body, bytes) else Body.read()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._check(Bucket)
        return {"Body": io.BytesIO(self.kept[Key])}

    def get_paginator(self, operation: str) -> S3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        self._check(Bucket)
        keys = sorted(key for key in self.kept if key.startswith(Prefix))
        deep = {key for key in keys if Delimiter and Delimiter in key[len(Prefix) :]}
        folders = {Prefix + key[len(Prefix) :].partition("/")[0] + "/" for key in deep}
        yield {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}
        files = [key for key in keys if key not in deep]
        for first in range(0, len(files), 2):
            yield {"Contents": [self._facts(key) for key in files[first : first + 2]]}

    def _facts(self, key: str) -> dict[str, Any]:
        return {"Key": key, "LastModified": NOW, "Size": len(self.kept[key])}

    def _check(self, bucket: str) -> None:
        assert bucket == "shop"
        if self.refuses:
            answer = {"Error": {"Code": "AccessDenied", "Message": "not\n  allowed"}}
            raise ClientError(answer, "ListObjectsV2")  # type: ignore[arg-type]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    made = S3()
    monkeypatch.setattr(boto3, "client", made.client)
    return made


@pytest.fixture(params=["folder", "s3://shop", "s3://shop/state/"])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> Place:
    return place(str(tmp_path / "place") if request.param == "folder" else request.param)


def test_what_is_written_is_listed_and_read(somewhere: Place, tmp_path: Path) -> None:
    assert (somewhere.files(), somewhere.level("a")) == ([], ([], []))
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    somewhere.write("a/b/2", b"two")
    somewhere.write("a/b/1", source)
    somewhere.write("a/3", b"three")
    somewhere.write("ab/4", b"four")
    somewhere.write("5", b"five")
    somewhere.write("5", b"six")
    assert [file.name for file in somewhere.files()] == ["5", "a/3", "a/b/1", "a/b/2", "ab/4"]
    assert [(file.name, file.size) for file in somewhere.files("a")] == [("a/3", 5), ("a/b/1", 6), ("a/b/2", 3)]
    folders, files = somewhere.level()
    assert (folders, [file.name for file in files]) == (["a", "ab"], ["5"])
    folders, files = somewhere.level("a")
    assert (folders, [file.name for file in files]) == (["b"], ["a/3"])
    assert somewhere.read("5") == b"six"
    assert somewhere.fetch("a/b/1", tmp_path / "room").read_bytes() == b"copied"
    assert all(file.modified.tzinfo is UTC for file in somewhere.files())


def test_a_refusal_says_where_and_what(s3: S3) -> None:
    s3.refuses = True
    for call in (lambda it: it.files("a"), lambda it: it.read("a"), lambda it: it.write("a", b"")):
        with pytest.raises(PlaceError) as caught:
            call(place("s3://shop/state"))
        assert "s3://shop/state/a" in caught.value.what
        assert "AccessDenied" in caught.value.because


def test_a_folder_never_shows_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = place(str(tmp_path))
    it.write("a", b"whole")

    def crash(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match=r"^$"):
        it.write("a", b"half")
    assert it.read("a") == b"whole"

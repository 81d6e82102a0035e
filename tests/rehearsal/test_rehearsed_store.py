"""S3 as a folder: what a listing shows and in which order, what is refused, and what is told."""

from __future__ import annotations

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws import objects
from loopwright.rehearsal.aws.client import Client
from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.store import Store
from loopwright.wiring.stack import ACCOUNT_ID

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REGION = "eu-west-1"


class World:
    """A store with one bucket."""

    def __init__(self, root, *keys):
        self.root, self.clock, self.events = root, Clock(START), []
        self.store = Store(root, self.clock, account=ACCOUNT_ID, region=REGION, notify=self.events.append)
        self.client = Client("s3", self.store)
        (root / "data").mkdir(exist_ok=True)
        for key in keys:
            self.file(key)

    def file(self, key, content=b"x"):
        path = self.root / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def put(self, key, body=b"x", **more):
        return self.client.put_object(Bucket="data", Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.client.get_object(Bucket="data", Key=key, **more)

    def page(self, prefix="", **more):
        return self.client.list_objects_v2(Bucket="data", Prefix=prefix, **more)

    def names(self, prefix="", **more):
        """Return the keys and the shared prefixes of all pages, page by page."""
        found, token = [], {}
        while True:
            page = self.page(prefix, **more, **token)
            shared = [each["Prefix"] for each in page.get("CommonPrefixes", ())]
            found.append(sorted([each["Key"] for each in page.get("Contents", ())] + shared, key=str.encode))
            assert page["KeyCount"] == len(found[-1]) <= page["MaxKeys"]
            assert page["IsTruncated"] is ("NextContinuationToken" in page)
            if not page["IsTruncated"]:
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def code(call, *arguments, **named):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    return caught.value.response["Error"]["Code"]


def test_what_is_put_is_there_and_says_so(world):
    world.clock.run(START + HOUR)
    tag = world.put("a/b.json", b"abc", ContentType="application/json")["ETag"]
    found = world.get("a/b.json")
    assert (found["Body"].read(), found["ContentLength"], found["ETag"]) == (b"abc", 3, tag)
    assert found["LastModified"] == START + HOUR
    assert (world.root / "data" / "a" / "b.json").read_bytes() == b"abc"
    (listed,) = world.page()["Contents"]
    assert (listed["Key"], listed["Size"], listed["ETag"]) == ("a/b.json", 3, tag)
    assert tag == f'"{hashlib.md5(b"abc", usedforsecurity=False).hexdigest()}"'
    assert listed["LastModified"] == START + HOUR


def test_times_are_kept_in_whole_seconds(world):
    world.clock.run(START + timedelta(seconds=1.75))
    world.put("a")
    assert world.page()["Contents"][0]["LastModified"] == START + timedelta(seconds=1)


def test_bodies_are_streams_in_both_ways(world):
    world.put("a", io.BytesIO(b"abcde"))
    assert list(world.get("a")["Body"].iter_chunks(2)) == [b"ab", b"cd", b"e"]


def test_nothing_but_the_object_is_left_where_it_was_written(world):
    world.put("a")
    assert {path.name for path in world.root.rglob("*")} == {"data", "a"}


def test_an_object_is_put_only_where_none_is(world):
    world.put("a", b"1", IfNoneMatch="*")
    assert code(world.put, "a", b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert world.get("a")["Body"].read() == b"1"
    world.put("a", b"3")
    assert world.get("a")["Body"].read() == b"3"
    assert code(world.put, "b", IfNoneMatch='"tag"') == "NotImplemented"
    assert [each["detail"]["object"]["key"] for each in world.events] == ["a", "a"]


def test_an_object_is_read_only_as_it_was(world):
    tag = world.put("a", b"1")["ETag"]
    assert world.get("a", IfMatch=tag)["Body"].read() == b"1"
    world.put("a", b"2")
    assert code(world.get, "a", IfMatch=tag) == "PreconditionFailed"


def test_what_is_not_there_is_told_as_s3_does(world):
    world.file("folder/a")
    for key in ("b", "folder", "folder/a/c"):
        assert code(world.get, key) == "NoSuchKey"
        assert code(world.client.head_object, Bucket="data", Key=key) == "404"
    assert code(world.client.head_object, Bucket="other", Key="a") == "404"
    for bucket in ("other", ".part", "..", "data/folder"):
        assert code(world.client.list_objects_v2, Bucket=bucket) in {"NoSuchBucket", "ValidationException"}
        assert code(world.client.put_object, Bucket=bucket, Key="a") in {"NoSuchBucket", "ValidationException"}


def test_an_object_is_described_without_its_content(world):
    tag = world.put("a", b"12")["ETag"]
    found = world.client.head_object(Bucket="data", Key="a", ChecksumMode="ENABLED")
    assert (found["ContentLength"], found["ETag"], found["LastModified"]) == (2, tag, START)
    assert "ChecksumSHA256" not in found


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/x", "a//b", "a/", "./a", "a\0b"])
def test_no_key_leaves_the_bucket(world, key):
    (world.root / "x").write_bytes(b"secret")
    for call in (world.put, world.get):
        with pytest.raises(UnknownError):
            call(key)
    if not key.endswith("/"):
        with pytest.raises(UnknownError):
            world.page(key)


def test_what_is_behind_a_link_is_no_object(world, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x").write_bytes(b"secret")
    (world.root / "data" / "folder").symlink_to(outside)
    (world.root / "data" / "file").symlink_to(outside / "x")
    assert world.names() == world.names("folder/") == [[]]
    assert code(world.get, "folder/x") == code(world.get, "file") == "NoSuchKey"


def test_a_key_that_no_file_can_have_beside_others_is_unknown(world):
    world.put("a")
    with pytest.raises(UnknownError, match="a/b"):
        world.put("a/b")
    with pytest.raises(UnknownError):
        world.put("n" * 300)
    assert code(world.put, "n/" * 600 + "x") == "KeyTooLongError"


KEYS = st.lists(
    st.lists(st.sampled_from(["a", "b", "a-b", "a.b", "ab", "é", "~", "𐀀", "\uffff"]), min_size=1, max_size=3),
    max_size=12,
).map(lambda keys: {"/".join(key) for key in keys})
PREFIXES = st.sampled_from(["", "a", "a/", "a-", "a/b", "b/a/", "ab/", "é", "none/", "none"])


def without_collisions(keys):
    """Return the keys that can be files beside each other."""
    return {key for key in keys if not any(other.startswith(f"{key}/") for other in keys)}


def expected(keys, prefix, delimiter):
    """Return what S3 lists, by the words of its documentation."""
    below = [key for key in keys if key.startswith(prefix)]
    if delimiter:
        rests = [(key, key[len(prefix) :].partition("/")) for key in below]
        below = {f"{prefix}{head}/" if slash else key for key, (head, slash, _) in rests}
    return sorted(below, key=str.encode)


@given(KEYS, PREFIXES, st.sampled_from(["", "/"]), st.integers(1, 4))
def test_pages_follow_each_other_in_the_order_of_s3(tmp_path_factory, keys, prefix, delimiter, most):
    keys = without_collisions(keys)
    world = World(tmp_path_factory.mktemp("store"), *keys)
    pages = world.names(prefix, MaxKeys=most, **({"Delimiter": delimiter} if delimiter else {}))
    assert [name for page in pages for name in page] == expected(keys, prefix, delimiter)
    assert all(len(page) == most for page in pages[:-1])


def test_an_empty_folder_is_nothing(world):
    (world.root / "data" / "empty" / "deeper").mkdir(parents=True)
    assert world.names() == world.names(Delimiter="/") == [[]]
    assert "Contents" not in world.page()


def test_the_limits_of_a_page(world):
    for number in range(1001):
        world.file(f"{number:04d}")
    assert [len(page) for page in world.names()] == [1000, 1]
    assert [len(page) for page in world.names(MaxKeys=5000)] == [1000, 1]
    assert (world.page(MaxKeys=0)["KeyCount"], world.page(MaxKeys=0)["IsTruncated"]) == (0, False)
    assert code(world.page, MaxKeys=-1) == "InvalidArgument"
    assert code(world.page, ContinuationToken="of others") == "InvalidArgument"
    with pytest.raises(UnknownError, match="Delimiter"):
        world.page(Delimiter="-")


def test_a_listing_looks_at_nothing_beside_its_prefix(world, monkeypatch):
    for day in range(20):
        world.file(f"requests/{day:02d}/a")
    seen, scan = [], os.scandir
    monkeypatch.setattr(objects.os, "scandir", lambda path: seen.append(path.rstrip("/")) or scan(path))
    assert world.names("requests/07/") == [["requests/07/a"]]
    assert seen == [str(world.root / "data" / "requests" / "07")]


def test_a_page_looks_into_no_folder_that_lies_before_it(world, monkeypatch):
    for day in range(20):
        world.file(f"{day:02d}/a")
    token = world.page(MaxKeys=15)["NextContinuationToken"]
    seen, scan = [], os.scandir
    monkeypatch.setattr(objects.os, "scandir", lambda path: seen.append(path.rstrip("/")) or scan(path))
    assert len(world.page(ContinuationToken=token)["Contents"]) == 5
    assert len(seen) == 1 + 1 + 5


def test_a_tag_changes_with_the_content_even_where_time_and_size_do_not(world):
    path = world.file("a", b"1")
    tags = []
    for content in (b"1", b"2"):
        path.write_bytes(content)
        os.utime(path, (0, 0))
        tags.append(world.page()["Contents"][0]["ETag"])
    assert tags[0] != tags[1]


def test_a_tag_is_computed_once_for_what_does_not_change(world, monkeypatch):
    world.file("a")
    first = world.page()["Contents"][0]["ETag"]
    monkeypatch.setattr(objects, "_md5", None)
    assert world.page()["Contents"][0]["ETag"] == first


def test_a_file_that_somebody_placed_is_put_now_and_told(world):
    world.file("new/a", b"12")
    world.file("new/deep/b")
    world.file("newer")
    world.clock.run(START + HOUR)
    world.store.placed("s3://data/new/a")
    assert world.get("new/a")["LastModified"] == START + HOUR
    assert world.get("newer")["LastModified"] != START + HOUR
    world.store.placed("s3://data/new/")
    assert [each["detail"]["object"]["key"] for each in world.events] == ["new/a", "new/a", "new/deep/b"]
    for uri in ("s3://data/none", "s3://data/n"):
        with pytest.raises(UnknownError):
            world.store.placed(uri)


def test_the_event_of_an_object(world):
    tag = world.put("new/a", b"12")["ETag"]
    world.put("new/a", b"34")
    first, second = world.events
    assert (first["source"], first["detail-type"], first["time"]) == (
        "aws.s3",
        "Object Created",
        "2026-01-05T12:00:00Z",
    )
    assert (first["resources"], first["region"], first["account"]) == (["arn:aws:s3:::data"], REGION, ACCOUNT_ID)
    detail = first["detail"]
    assert (detail["bucket"], detail["reason"], detail["requester"]) == ({"name": "data"}, "PutObject", ACCOUNT_ID)
    assert (detail["object"]["key"], detail["object"]["size"]) == ("new/a", 2)
    assert detail["object"]["etag"] == tag.strip('"')
    assert first["id"] != second["id"]
    assert detail["object"]["sequencer"] < second["detail"]["object"]["sequencer"]

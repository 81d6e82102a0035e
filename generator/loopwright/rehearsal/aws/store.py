"""S3 as a folder: one folder a bucket, one file an object; whoever else puts a file there has put an object.

The calls are "ListObjectsV2", "GetObject", "HeadObject" and "PutObject" (Amazon S3 API Reference). Buckets keep one
version of each object. A file has no room for metadata: what PutObject says of the content's type is not kept.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from functools import wraps
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from botocore.response import StreamingBody

from loopwright.execution.objects import Objects
from loopwright.rehearsal.aws.objects import Object, Tags, at, below
from loopwright.rehearsal.aws.requests import Answer, Request, given, operation, refused, unknown
from loopwright.rehearsal.aws.source import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopwright.rehearsal.aws.clock import Clock

__all__ = ["Store"]

MOST = 1000
"""Keys of one page."""
LONGEST = 1024
"""Bytes of a key ("Naming Amazon S3 objects")."""
PART = ".part"
"""Where an object is written before it is there as a whole; no bucket can have that name."""


def _streamed(call: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let the bodies of a call be streams, as boto3's are."""

    @wraps(call)
    def streamed(self: Store, **request: Any) -> Answer:
        if hasattr(request.get("Body"), "read"):
            request["Body"] = request["Body"].read()
        answer = call(self, **request)
        if "Body" in answer:
            answer["Body"] = StreamingBody(io.BytesIO(answer["Body"]), len(answer["Body"]))
        return answer

    return streamed


class Store:
    """The buckets below a folder; a bucket is there when its folder is.

    Args:
        root: The folder.
        clock: The clock that says when an object was put.
        account: Twelve digits.
        region: Its name.
        notify: Takes the events that S3 sends.
    """

    def __init__(
        self, root: Path, clock: Clock, *, account: str, region: str, notify: Callable[[dict[str, Any]], None]
    ) -> None:
        self._root, self._clock, self._notify = root.resolve(), clock, notify
        self._account, self._region = account, region
        self._tags, self._number = Tags(), count(1)

    def placed(self, uri: str) -> None:
        """Take the files at or below an address for objects that are put now, as far as S3 and its events can tell.

        Raises:
            LoopwrightError: It is no ``s3://`` address.
            UnknownError: There is no file.
        """
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = Objects(self._root).path(uri)
        folder = self._root / bucket
        found = [folder / key] if path.is_file() else [Path(each.path) for each in self._below(folder, key)]
        if not found:
            raise unknown(f"the object {uri}", "there is no file")
        for each in found:
            self._stamp(each)
            self._tell(bucket, each.relative_to(folder).as_posix())

    @operation(
        *("ListObjectsV2", "Bucket", "Prefix", "Delimiter", "MaxKeys", "ContinuationToken"),
        service="s3",
    )
    def list_objects_v2(self, request: Request) -> Answer:
        """List a page of objects, and with a delimiter of the prefixes that others share."""
        bucket = self._bucket("ListObjectsV2", request)
        prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
        most, after = request.get("MaxKeys", MOST), _after(request.get("ContinuationToken"))
        if delimiter not in {"", "/"}:
            raise unknown(f"ListObjectsV2 with Delimiter={delimiter}")
        if most < 0:
            raise refused("ListObjectsV2", "InvalidArgument", "MaxKeys must not be negative")
        most = min(most, MOST)
        found = below(bucket, prefix, after, delimiter)
        page = [each for _, each in zip(range(most), found, strict=False)]
        last = page[-1] if page and next(found, None) is not None else None
        return given(
            **{name: request.get(name) for name in ("Delimiter", "ContinuationToken")},
            Name=request["Bucket"],
            Prefix=prefix,
            MaxKeys=most,
            KeyCount=len(page),
            IsTruncated=last is not None,
            Contents=[self._listed(each) for each in page if isinstance(each, Object)] or None,
            CommonPrefixes=[{"Prefix": each} for each in page if isinstance(each, str)] or None,
            NextContinuationToken=None if last is None else _token(last if isinstance(last, str) else last.key),
        )

    @_streamed
    @operation("GetObject", "Bucket", "Key", "IfMatch", service="s3")
    def get_object(self, request: Request) -> Answer:
        """Read an object."""
        found = self._found("GetObject", request)
        return {**self._described(found), "Body": Path(found.path).read_bytes()}

    @operation("HeadObject", "Bucket", "Key", "ChecksumMode", service="s3")
    def head_object(self, request: Request) -> Answer:
        """Describe an object; none has a checksum of SHA-256, which S3 computes where it is asked to when it is put."""
        return self._described(self._found("HeadObject", request))

    @_streamed
    @operation("PutObject", "Bucket", "Key", "Body", "ContentType", "IfNoneMatch", service="s3")
    def put_object(self, request: Request) -> Answer:
        """Put an object, whole or not at all."""
        bucket, key, body = self._bucket("PutObject", request), request["Key"], request.get("Body", b"")
        if len(key.encode()) > LONGEST:
            raise refused("PutObject", "KeyTooLongError", "Your key is too long")
        if request.get("IfNoneMatch", "*") != "*":
            raise refused("PutObject", "NotImplemented", "A header you provided implies functionality that is not")
        if at(bucket, key) is not None and "IfNoneMatch" in request:
            raise refused("PutObject", "PreconditionFailed", "At least one of the pre-conditions did not hold")
        self._write(bucket / key, body)
        self._tell(request["Bucket"], key)
        return {"ETag": f'"{md5(body, usedforsecurity=False).hexdigest()}"'}

    def _bucket(self, name: str, request: Request) -> Path:
        bucket: Path = self._root / request["Bucket"]
        if "/" in request["Bucket"] or request["Bucket"].startswith(".") or not bucket.is_dir():
            code = "404" if name == "HeadObject" else "NoSuchBucket"
            raise refused(name, code, f"The specified bucket does not exist: {request['Bucket']}")
        return bucket

    def _found(self, name: str, request: Request) -> Object:
        found = at(self._bucket(name, request), request["Key"])
        if found is None:
            # An answer to HEAD has no body, and so no code but the status.
            code, said = ("404", "Not Found") if name == "HeadObject" else ("NoSuchKey", "The key does not exist.")
            raise refused(name, code, said)
        if request.get("IfMatch", self._etag(found)) != self._etag(found):
            raise refused(name, "PreconditionFailed", "At least one of the pre-conditions did not hold")
        return found

    def _below(self, bucket: Path, key: str) -> Iterator[Object]:
        folder = f"{key.rstrip('/')}/" if key else ""
        return (each for each in below(bucket, folder) if isinstance(each, Object))

    def _write(self, path: Path, body: bytes) -> None:
        beside = self._root / PART
        try:
            beside.write_bytes(body)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.replace(path)
        except OSError as error:
            because = "objects are files here, and this one cannot be beside the others"
            raise unknown(f"an object at {path.relative_to(self._root)}: {error.strerror}", because) from error
        self._stamp(path)

    def _stamp(self, path: Path) -> None:
        time = self._clock.now.timestamp()
        os.utime(path, (time, time))

    def _tell(self, bucket: str, key: str) -> None:
        """Send "Object Created" as "Event message structure" (Amazon S3 User Guide) has it, for a single PutObject."""
        found, number = at(self._root / bucket, key), next(self._number)
        if found is None:
            raise unknown(f"the object s3://{bucket}/{key}", "there is no file")
        described = {"key": key, "size": found.size, "etag": self._tags.of(found), "sequencer": f"{number:016X}"}
        self._notify(
            {
                "version": "0",
                "id": str(uuid5(NAMESPACE_URL, f"s3://{bucket}/{key} {number}")),
                "detail-type": "Object Created",
                "source": "aws.s3",
                "account": self._account,
                "time": seconds(self._clock.now),
                "region": self._region,
                "resources": [f"arn:aws:s3:::{bucket}"],
                "detail": {
                    "version": "0",
                    "bucket": {"name": bucket},
                    "object": described,
                    "request-id": f"{number:016X}",
                    "requester": self._account,
                    "source-ip-address": "192.0.2.4",
                    "reason": "PutObject",
                },
            }
        )

    def _etag(self, found: Object) -> str:
        return f'"{self._tags.of(found)}"'

    def _listed(self, found: Object) -> Answer:
        facts = {"Key": found.key, "LastModified": found.modified, "ETag": self._etag(found), "Size": found.size}
        return facts | {"StorageClass": "STANDARD"}

    def _described(self, found: Object) -> Answer:
        return {"LastModified": found.modified, "ContentLength": found.size, "ETag": self._etag(found)}


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode(errors="surrogateescape")).decode()


def _after(token: str | None) -> str:
    try:
        return base64.b64decode(token or "", altchars=b"-_", validate=True).decode(errors="surrogateescape")
    except (binascii.Error, ValueError):
        raise refused("ListObjectsV2", "InvalidArgument", "The continuation token provided is incorrect") from None

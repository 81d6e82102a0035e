"""Values, from protobuf to JSON."""

from __future__ import annotations

import base64
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from .refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decoded", "plain"]

_NAMED = re.compile(r"<<ref:/[^<>#]+#[^<>#]+/-ref>>|<<secret:/[^<>]+/-secret>>")
# The SDK has no public names for these.
_SIGNATURE = rpc._special_sig_key  # noqa: SLF001
_SECRET = rpc._special_secret_sig  # noqa: SLF001
_RESOURCE = rpc._special_resource_sig  # noqa: SLF001
_ASSET = rpc._special_asset_sig  # noqa: SLF001
_ARCHIVE = rpc._special_archive_sig  # noqa: SLF001


def decoded(value: Any) -> Any:
    """Return a provider's input as it was meant: all but text travels to a provider as JSON text."""
    if isinstance(value, str) and (value[:1] in {"[", "{"} or value in {"true", "false"}):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def plain(value: Any, where: str, whole: Mapping[str, str]) -> Any:
    """Return a value as JSON.

    Args:
        value: A protobuf message.
        where: What the markers of secrets in it say.
        whole: The lists that have been answered; one of them, unchanged, becomes the token of the list.
    """
    if isinstance(value, Struct):
        fields = value.fields
        if _SIGNATURE in fields:
            return _special(fields, where, whole)
        found = {name: plain(fields[name], f"{where}{'.' if '#' in where else '#'}{name}", whole) for name in fields}
        return {name: item for name, item in found.items() if item is not None}
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        items = [plain(item, f"{where}[{index}]", whole) for index, item in enumerate(value.list_value.values)]
        return whole.get(json.dumps(items, sort_keys=True), items) if whole else items
    if kind == "struct_value":
        return plain(value.struct_value, where, whole)
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind == "null_value" else getattr(value, kind)


def _special(fields: Any, where: str, whole: Mapping[str, str]) -> Any:
    signature = fields[_SIGNATURE].string_value
    if signature == _SECRET:
        value = plain(fields["value"], where, whole)
        named = isinstance(value, str) and _NAMED.fullmatch(value)
        return value if named else f"<<secret:/{where}/-secret>>"
    if signature == _RESOURCE:
        return fields["id"].string_value or fields["urn"].string_value
    if signature == _ASSET:
        return {"__asset__": _content(_asset(fields, where))}
    if signature == _ARCHIVE:
        return {"__archive__": {name: _content(data) for name, data in sorted(_archive(fields, where).items())}}
    raise Refused(f"{where}: this kind of value cannot be written down")


def _asset(fields: Any, where: str) -> bytes:
    if "text" in fields:
        return str(fields["text"].string_value).encode()
    if "path" in fields:
        return _bytes(Path(fields["path"].string_value), where)
    raise Refused(f"{where}: a remote asset cannot be read here")


def _archive(fields: Any, where: str) -> dict[str, bytes]:
    if "assets" in fields:
        found: dict[str, bytes] = {}
        for name, item in fields["assets"].struct_value.fields.items():
            inner = item.struct_value.fields
            if inner[_SIGNATURE].string_value == _ASSET:
                found[name] = _asset(inner, where)
            else:
                found |= {f"{name}/{path}": data for path, data in _archive(inner, where).items()}
        return found
    path = Path(fields["path"].string_value if "path" in fields else "")
    if "path" in fields and path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        return {file.relative_to(path).as_posix(): _bytes(file, where) for file in files}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    raise Refused(f"{where}: an archive is a folder, a zip file or assets by name; {str(path)!r} is none of them")


def _bytes(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{where}: {path} cannot be read: {error.strerror}") from error


def _content(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"__bytes__": base64.b64encode(data).decode()}

"""What a request asks for, and how to answer it, as plain dictionaries: the same for every protocol AWS speaks.

moto's router and parsers read requests by botocore's own service models, its serializers write answers, and botocore's
parsers read back what moto answered. So a plug-in never sees XML, a header or a query string.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownServiceError
from botocore.parsers import create_parser
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from moto.core.model import OperationModel

ACCOUNT = "123456789012"
SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Where the name in a signature is not botocore's name of the service.
SIGNED_AS = {"monitoring": "cloudwatch"}
MADE_UP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=-)[0-9a-f]{17}")
OK, BAD_REQUEST = 200, 400


class UnknownRequestError(Exception):
    """The emulator cannot tell what is asked: a fault of the harness, never an answer of AWS."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """AWS's refusal of a call; moto's serializers write it by its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an AWS API."""

    service: str
    action: str
    region: str
    params: dict[str, Any]
    protocol: str = field(repr=False)
    operation: OperationModel = field(repr=False)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource of this call's service and region."""
        return f"arn:aws:{self.service}:{self.region}:{ACCOUNT}:{resource}"

    def asked(self) -> str:
        """Return what is asked, the same for each attempt at it.

        A token names only the attempt, a made-up id only the resource that the attempt made anew, and lists of tags
        come in any order.
        """
        tokens = set(self.operation.idempotent_members)
        params = {name: value for name, value in self.params.items() if name not in tokens}
        return MADE_UP.sub("ID", f"{self.service}:{self.action} {_in_order(params)}")

    def answer(self, result: dict[str, Any]) -> Response:
        """Write a result as this call's protocol has it."""
        return self._serialized(result)

    def refusal(self, refused: Refused, status: int | None = None) -> Response:
        """Write a refusal as this call's protocol has it, with its status in the model unless one is given."""
        response = self._serialized(refused)
        response.status_code = status or response.status_code
        return response

    def result(self, response: Response) -> dict[str, Any]:
        """Read what moto answered; its refusals are raised."""
        parser = create_parser(self.protocol)
        headers = {key.lower(): value for key, value in response.headers.items()}
        raw = {"status_code": response.status_code, "headers": headers, "body": response.get_data()}
        parsed = parser.parse(raw, self.operation.output_shape)
        if response.status_code >= BAD_REQUEST:
            raise Refused(parsed["Error"]["Code"], parsed["Error"]["Message"])
        parsed.pop("ResponseMetadata", None)
        return parsed

    def _serialized(self, result: dict[str, Any] | Exception) -> Response:
        serializer = get_serializer_class(self.service, self.protocol)(operation_model=self.operation)
        written = serializer.serialize(result)
        return Response(written["body"], written["status_code"], written["headers"])


def rewound(environ: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return a copy of the request whose body can be read once more, and the body."""
    body = Request(environ).get_data(cache=False, parse_form_data=False)
    again = {key: value for key, value in environ.items() if not key.startswith("werkzeug.")}
    again.pop("HTTP_TRANSFER_ENCODING", None)
    return again | {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}, body


def read(environ: dict[str, Any], body: bytes) -> Call:
    """Find out which call a request is.

    Raises:
        UnknownRequestError: It is not signed, or botocore knows no such service or action.
    """
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not scope:
        raise UnknownRequestError("the request is not signed")
    service = SIGNED_AS.get(scope["service"], scope["service"])
    request = Request(environ | {"wsgi.input": BytesIO(body)})
    try:
        protocol = determine_request_protocol(get_service_model(service), request.content_type)
        operation, labels = get_service_router(service).match(request)
    except (UnknownServiceError, HTTPException, NotImplementedError) as error:
        asked = f"{request.method} {request.raw_path} {request.headers.get('X-Amz-Target', '')}".strip()
        raise UnknownRequestError(f"{service} has no action for {asked}: {error}") from error
    parts = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": labels,
    }
    try:
        params = PROTOCOL_PARSERS[protocol](operation, map_type=dict).parse(parts)
    except (ValueError, TypeError, AttributeError, RequestParserError) as error:
        raise UnknownRequestError(f"{service}:{operation.name} cannot be read: {error}") from error
    return Call(
        service=service,
        action=operation.name,
        region=scope["region"],
        params=params,
        protocol=protocol,
        operation=operation,
    )


def _in_order(value: Any) -> str:
    """Return a text for a value that does not depend on the order of members or items."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_in_order(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_in_order, value))) + "]"
    return json.dumps(value, default=str)

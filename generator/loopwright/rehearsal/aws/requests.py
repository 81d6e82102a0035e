"""Calls as boto3 makes them, checked against the services' own models as botocore ships them.

There are three kinds of refusal. What botocore refuses before anything is sent is its ``ParamValidationError``.
What the service's model forbids beyond that is the service's ``ValidationException``. What AWS takes and nobody
emulates is an ``UnknownError``, which no handler can take for an answer of AWS.
"""

from __future__ import annotations

import pickle  # nosec B403 - what is read was written just before, here
from copy import deepcopy
from functools import cache, partial, wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from botocore.exceptions import ClientError, ParamValidationError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from loopwright.definitions.limits import limits
from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from botocore.model import OperationModel, Shape

__all__ = ["Answer", "Request", "given", "invalid", "listed", "operation", "refused", "unknown"]

Request: TypeAlias = "Mapping[str, Any]"
Answer: TypeAlias = "dict[str, Any]"
Owner = TypeVar("Owner")
Document = TypeVar("Document", bound="Mapping[str, Any]")

REMEMBERED = 4096
"""How many requests and answers of an operation that were found right are remembered."""


def refused(name: str, code: str, message: str) -> ClientError:
    """Return the error that a service answers an operation with."""
    return ClientError({"Error": {"Code": code, "Message": message}}, name)


def invalid(name: str, message: str) -> ClientError:
    """Return the error for a request that a service does not take."""
    return refused(name, "ValidationException", message)


def unknown(what: str, because: str = "the rehearsal emulates what the loop uses, and no more") -> UnknownError:
    """Return the error for what AWS offers, or does not document, and nobody emulates."""
    return UnknownError(
        f"the emulated AWS does not know {what}", because=because, attempt="take it out of the rehearsal"
    )


def operation(
    name: str, *known: str, service: str = "sagemaker"
) -> Callable[[Callable[[Owner, Request], Answer | None]], Callable[..., Answer]]:
    """Make a method one of boto3's: keyword arguments in, a checked answer out, neither shared with the caller.

    Args:
        name: The operation, as the service calls it.
        known: The members of its input that the method knows what to do with.
        service: The service, as boto3 calls it.

    Raises:
        ParamValidationError: By the method, for a request that botocore would not send.
        ClientError: By the method, for one that is beyond the limits of the service's model.
        UnknownError: By the method, for a member that it does not know.
        TypeError: By the method, for an answer that the service's model does not know.
    """

    def decorate(method: Callable[[Owner, Request], Answer | None]) -> Callable[..., Answer]:
        asked = _Checked(partial(_check_request, service, name, known))
        answered = _Checked(partial(_check_answer, service, name))

        @wraps(method)
        def call(self: Owner, **request: Any) -> Answer:
            return answered.copy(method(self, asked.copy(request)) or {})

        call.__dict__["operation"] = name
        return call

    return decorate


class _Checked:
    """A check that is made once for documents which are the same to the byte.

    Args:
        check: Raises where a document is wrong, whatever was checked before.
    """

    def __init__(self, check: Callable[[Mapping[str, Any]], None]) -> None:
        self._check = check
        self._right: set[bytes] = set()

    def copy(self, document: Document) -> Document:
        """Check a document, and return a copy that shares nothing with it."""
        try:
            # Types are part of a pickle, so that a number and a truth of the same value are not taken for each other.
            written = pickle.dumps(document, pickle.HIGHEST_PROTOCOL)
        except (AttributeError, TypeError, pickle.PicklingError):
            self._check(document)
            return deepcopy(document)
        digest = sha256(written).digest()
        if digest not in self._right:
            self._check(document)
            if len(self._right) >= REMEMBERED:
                self._right.clear()
            self._right.add(digest)
        copied: Document = pickle.loads(written)  # noqa: S301 - what was written just now  # nosec B301
        return copied


@cache
def _service(name: str) -> ServiceModel:
    # Not the default paths: what lies in ~/.aws/models is not what AWS has published.
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


@cache
def model(service: str, name: str) -> OperationModel:
    """Return the model of an operation."""
    return _service(service).operation_model(name)


def _check_request(service: str, name: str, known: Collection[str], request: Request) -> None:
    of = model(service, name)
    report = ParamValidator().validate(request, of.input_shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())
    if beyond := _beyond(request, of.input_shape):
        raise invalid(of.name, beyond)
    if strange := sorted(set(request) - set(known)):
        raise unknown(f"{', '.join(strange)} of {of.name}")


def _check_answer(service: str, name: str, answer: Request) -> None:
    of = model(service, name)
    if of.output_shape is None:
        wrong = "there is none" if answer else ""
    else:
        wrong = ParamValidator().validate(answer, of.output_shape).generate_report() or _beyond(answer, of.output_shape)
    if wrong:
        raise TypeError(f"no answer of {of.name}: {wrong}")


def _beyond(value: Mapping[str, Any], shape: Shape) -> str:
    """Return what the model forbids and botocore leaves to the service: enumerations, patterns, maxima."""
    return "; ".join(f"{each.path}: {each.what}, because {each.because}" for each in limits(value, shape, shape.name))


def given(**members: Any) -> Answer:
    """Return the members of an answer that there are."""
    return {name: value for name, value in members.items() if value is not None}


def listed(
    name: str, made: Sequence[Answer], request: Request, *, order: str | None = None
) -> tuple[list[Answer], dict[str, str]]:
    """Return one page of a listing by creation time, and the token of the next page if there is one.

    Args:
        name: The operation.
        made: What there is, in the order of creation.
        request: Its SortBy, SortOrder, MaxResults and NextToken count.
        order: The order where none is asked for; None where AWS documents none.

    Raises:
        ClientError: The token is not one of ours.
        UnknownError: Another order is asked for, or one that AWS does not document.
    """
    by, way, most = request.get("SortBy", "CreationTime"), request.get("SortOrder", order), request.get("MaxResults")
    if by != "CreationTime" or way is None or most is None:
        raise unknown(f"{name} without SortBy=CreationTime, SortOrder and MaxResults", "AWS documents no defaults")
    ordered = list(made) if way == "Ascending" else list(reversed(made))
    token = request.get("NextToken", "0")
    if not (token.isascii() and token.isdigit()):
        raise invalid(name, f"invalid token {token!r}")
    last = int(token) + most
    return ordered[int(token) : last], {"NextToken": str(last)} if last < len(ordered) else {}

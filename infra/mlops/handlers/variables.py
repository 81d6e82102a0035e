"""The environment variables of the functions, set by the Pulumi program: what cannot be meant is refused by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 1_000_000


class SettingsError(Exception):
    """An environment variable of the function is missing or cannot be meant."""


@dataclass(frozen=True)
class Variables:
    """The environment variables of a function; structured ones are one JSON text each."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a variable that must not be empty.

        Raises:
            SettingsError: It is missing or empty.
        """
        value = self.values.get(name, "").strip()
        if not value:
            raise SettingsError(f"the environment variable {name} is missing or empty; the Pulumi program sets it")
        return value

    def document(self, name: str, kind: type) -> Any:
        """Return a variable that holds JSON of one kind.

        Raises:
            SettingsError: It is missing, no JSON, holds NaN or Infinity, or something of another kind.
        """
        text = self.text(name)
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"the environment variable {name} is not JSON: {error}") from error
        if not isinstance(value, kind):
            raise SettingsError(f"the environment variable {name} must be a JSON {kind.__name__}: {text[:200]}")
        return value

    def fields(self, name: str, kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
        """Return a variable that holds a JSON object of exactly these keys; numbers are between 0 and a million.

        Raises:
            SettingsError: A key is missing, unknown, or holds a value of another kind.
        """
        document = self.document(name, dict)
        if set(document) != set(kinds):
            odd = ", ".join(sorted(set(document) ^ set(kinds)))
            raise SettingsError(f"the environment variable {name} lacks or does not know: {odd}")
        for key, value in document.items():
            # JSON's true is an int to isinstance.
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if type(value) not in kinds[key] or (number and not 0 <= value <= MOST):
                raise SettingsError(f"the environment variable {name} cannot have {key} = {json.dumps(value)[:100]}")
        return dict(document)

    def texts(self, name: str, kind: type) -> Any:
        """Return a variable that holds a JSON list or object of texts.

        Raises:
            SettingsError: It holds something else.
        """
        found = self.document(name, kind)
        if not all(isinstance(value, str) and value for value in (found.values() if kind is dict else found)):
            raise SettingsError(f"the environment variable {name} must hold texts only")
        return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON")

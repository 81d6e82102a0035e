"""The expressions of a definition: what each stands for in one execution."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Scope"]

PATH = re.compile(r"\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+)")
"""The steps of `Outputs['out'].S3Output.S3Uri`, the notation of the SDK's property references."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """All that an expression may name."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    """PipelineExecutionId and what else a run has of its own."""
    properties: dict[str, Any] = field(default_factory=dict)
    """What a step is, once it ended, as its Describe call would say."""
    files: dict[tuple[str, str], Path] = field(default_factory=dict)
    """Property files by step and name."""

    def value(self, given: Any) -> Any:
        """Return what is meant, with everything put in.

        Raises:
            LoopwrightError: An expression names nothing, or is of a kind that is not known here.
        """
        if isinstance(given, list):
            return [self.value(item) for item in given]
        if not isinstance(given, dict):
            return given
        if len(given) == 1:
            ((kind, inner),) = given.items()
            if kind == "Get":
                return self._get(inner)
            if kind == "Std:Join":
                return str(inner["On"]).join(_text(self.value(part)) for part in inner["Values"])
            if kind == "Std:JsonGet":
                return self._json(inner)
            if kind.startswith("Std:"):
                raise _nothing(kind, "it is not known here")
        return {key: self.value(item) for key, item in given.items()}

    def _get(self, name: str) -> Any:
        kind, _, rest = name.partition(".")
        known = {"Parameters": self.parameters, "Execution": self.execution}
        if kind in known:
            if rest not in known[kind]:
                raise _nothing(name, f"there is no such {kind.removesuffix('s').lower()}")
            return known[kind][rest]
        step, _, path = rest.partition(".")
        if kind != "Steps" or step not in self.properties:
            raise _nothing(name, "no step of that name has ended")
        return _walked(self.properties[step], path, name)

    def _json(self, inner: Mapping[str, Any]) -> Any:
        name = str(inner["PropertyFile"]["Get"])
        _, step, _, file = name.split(".", 3)
        if (step, file) not in self.files:
            raise _nothing(name, "no step that has ended made that file")
        path = self.files[step, file]
        return _walked(json.loads(path.read_text(encoding="utf-8")), inner["Path"], f"{inner['Path']} of {name}")


def _walked(value: Any, path: str, name: str) -> Any:
    for key, index, word in PATH.findall(path):
        try:
            value = value[int(index)] if index else value[key or word]
        except (KeyError, IndexError, TypeError) as error:
            raise _nothing(name, f"there is no {key or index or word}") from error
    return value


def _text(value: Any) -> str:
    """Return a value as a join writes it: SageMaker's booleans are those of JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _nothing(name: str, because: str) -> LoopwrightError:
    return LoopwrightError(f"{name} stands for nothing", because=because, attempt="mend the definition")

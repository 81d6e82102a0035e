"""Where things lie in the buckets of a stack, as its pipelines' definitions say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from loopwright.errors import LoopwrightError
from loopwright.rehearsal.pipelines import MONITOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.wiring.stack import Stack

__all__ = ["Places"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Addresses in S3, and the names of what the loop goes round."""

    data: str
    labels: str
    labelled: str
    report: str
    training: str
    """The pipeline that the controller starts."""
    endpoint: str

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Read them.

        Raises:
            LoopwrightError: The stack has no pipelines of ours, or no endpoint.
        """
        told: dict[str, str] = {}
        found: dict[str, str] = {}
        for name, (_, body) in stack.definitions.items():
            words = next((words for step in body["Steps"] if (words := _words(step))[:1] == [MONITOR]), None)
            if words is None:
                defaults = {each["Name"]: each.get("DefaultValue") for each in body.get("Parameters", ())}
                found |= {"training": name, "data": str(defaults.get("DataUri", ""))}
            else:
                told = dict(zip(words[1::2], words[2::2], strict=False))
        named = {"labels": "--labels", "labelled": "--labelled", "report": "--report"}
        found |= {place: told[word] for place, word in named.items() if word in told}
        if endpoints := stack.of("endpoint"):
            found["endpoint"] = stack.name(endpoints[0])
        if missing := sorted(set(cls.__annotations__) - set(found)):
            raise LoopwrightError(
                "the stack cannot be rehearsed",
                because=f"nothing in it says {', '.join(missing)}",
                attempt="rehearse a stack that has the training and the monitoring pipeline, and an endpoint",
            )
        return cls(**found)


def _words(step: Mapping[str, Any]) -> list[Any]:
    found = step["Arguments"].get("AppSpecification", {}).get("ContainerArguments", [])
    return list(found)

"""From texts with tokens to Terraform's templates."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright.graph.arns import resolve
from loopwright.graph.model import Reference, Secret, is_cut, text
from loopwright.terraform.expressions import Problem
from loopwright.terraform.names import local

if TYPE_CHECKING:
    from loopwright.graph.model import ResourceGraph
    from loopwright.terraform.expressions import Places

__all__ = ["Texts", "escaped", "is_json"]


@dataclass(kw_only=True)
class Texts:
    """Writes texts, and remembers what they refer to."""

    graph: ResourceGraph
    places: Places
    problems: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    """One for each secret, by its name."""
    implied: set[str] = field(default_factory=set)
    """Data sources that ARNs need and the graph has not."""
    referred: set[str] = field(default_factory=set)
    """The nodes that expressions refer to, since the caller emptied this."""
    sensitive: bool = False
    """Something that Terraform hides was written, since the caller reset this."""

    def write(self, value: str, where: str) -> str:
        """Return a text as a template: tokens as ``${...}``, all else as it is.

        JSON is written with every name and ARN that is known already, so that a plan shows policies whole.
        """
        return self._written(resolve(self.graph, value) if "<<ref:" in value and is_json(value) else value, where)

    def any(self, value: Any, where: str) -> Any:
        """Return a JSON value with every text in it, keys included, written."""
        if isinstance(value, str):
            return self.write(value, where)
        if isinstance(value, list):
            return [self.any(item, where) for item in value]
        if isinstance(value, dict):
            return {self.write(key, where): self.any(item, where) for key, item in value.items()}
        return value

    def _written(self, value: str, where: str) -> str:
        written: list[str] = []
        for part in text(value):
            if isinstance(part, str):
                if is_cut(part):
                    self.problems.append(f"{where}: the program cut or changed a value that is not known yet: {part!r}")
                written.append(escaped(part))
                continue
            if written and written[-1].endswith("$"):
                written[-1] = written[-1][:-1] + '${"$"}'  # `$${` would be a literal `${`
            written.append(self._variable(part) if isinstance(part, Secret) else self._expression(part, where))
        return "".join(written)

    def _expression(self, reference: Reference, where: str) -> str:
        try:
            expression = self.places.expression(reference)
        except Problem as problem:
            found = resolve(self.graph, str(reference))
            if found != str(reference):  # the provider has no such attribute, and the value is known
                return self._written(found, where)
            if not self.places.is_homeless(reference.node):  # that is told once already
                self.problems.append(f"{where}: {problem}")
            return ""
        self.referred.add(reference.node)
        if reference.node not in self.graph:
            self.implied.add(reference.node)
        self.sensitive |= expression.sensitive
        return f"${{{expression.text}}}"

    def _variable(self, secret: Secret) -> str:
        key = secret.where.removeprefix("config#").removeprefix(f"{self.graph.project}:")
        name = local(re.sub(r"[^A-Za-z0-9]+", "_", key.rsplit("::", 1)[-1]).strip("_"))
        self.sensitive = True
        entry = {"description": f"Secret: {secret.where}", "sensitive": True}
        if self.variables.setdefault(name, entry) != entry:
            self.problems.append(f"{secret.where}: another secret is the variable {name} already")
        return f"${{var.{name}}}"


def escaped(literal: str) -> str:
    """Return a literal that Terraform reads as it is."""
    return literal.replace("${", "$${").replace("%{", "%%{")


def is_json(value: str) -> bool:
    """Tell whether a text is a JSON object or list."""
    if value.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True

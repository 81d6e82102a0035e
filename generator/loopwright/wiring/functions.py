"""Functions: the code that runs is there, and is handed exactly what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.wiring.findings import Finding
from loopwright.wiring.sources import HANDLERS
from loopwright.wiring.stack import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack
    from loopwright.wiring.syntax import Read

__all__ = ["RULES"]

KINDS: dict[str, tuple[type, ...]] = {"dict": (dict,), "list": (list,)}


def handlers(stack: Stack) -> Iterator[Finding]:
    """A handler string names a module of the archive and a function in it."""
    for node in stack.of("function"):
        stack.proven["functions"] += 1
        handler = str(stack.inputs(node).get("handler", ""))
        *place, function = handler.split(".")
        archive = (node.inputs.get("code") or {}).get("__archive__") or {}
        file = f"{'/'.join(place)}.py"
        if file not in archive:
            because = f"the archive holds {', '.join(sorted(archive)) or 'nothing'}, and no {file}"
            yield _broken("functions.handler", node, "handler", f"{handler} cannot be found", because)
        elif not stack.sources.has_function(place[-1], function):
            because = f"{HANDLERS}/{place[-1]}.py has no function {function}"
            yield _broken("functions.handler", node, "handler", f"{handler} cannot be found", because)
        else:
            yield from _imported(stack, node, archive, place[-1])


def _imported(stack: Stack, node: Node, archive: dict[str, Any], word: str) -> Iterator[Finding]:
    for module in sorted(stack.sources.reachable(word)):
        if f"handlers/{module}.py" not in archive:
            because = f"handlers/{word}.py imports it, and the archive lacks it"
            yield _broken("functions.handler", node, "code", f"{module} cannot be imported", because)


def variables(stack: Stack) -> Iterator[Finding]:
    """Every environment variable that the code reads is set, and every one that is set is read."""
    for word, node in stack.functions.items():
        reads, given = stack.sources.reads(word), stack.variables_of(node)
        if not reads:
            continue  # there is no such module: `handlers` says so
        names = {read.name for read in reads}
        stack.proven["environment variables"] += len(names)
        for name in sorted(names - set(given)):
            because = f"handlers/{word}.py reads it, and ends with an error where it is missing"
            yield _broken("functions.variable", node, f"environment.variables.{name}", f"{name} is not set", because)
        for name in sorted(set(given) - names):
            because = f"nothing that handlers/{word}.py imports reads it"
            yield _broken(
                "functions.unread", node, f"environment.variables.{name}", f"{name} is set for nobody", because
            )


def values(stack: Stack) -> Iterator[Finding]:
    """A variable that holds JSON holds what the code takes, with the keys that it knows; no variable is empty."""
    for word, node in stack.functions.items():
        given, reads = stack.variables_of(node), stack.sources.reads(word)
        for read in reads:
            if read.name in given and (fault := _fault(read, given[read.name], reads)):
                where = f"environment.variables.{read.name}"
                yield _broken("functions.value", node, where, f"{read.name} cannot be read", fault)


def _fault(read: Read, value: str, reads: list[Read]) -> str:
    """Return what is wrong with the value of a variable, or nothing."""
    if not value.strip():
        return "it is empty"
    # One that is read both as a text and as JSON may say null there.
    as_text = any(each.name == read.name and each.how == "text" for each in reads)
    if read.how == "text" or (as_text and value == "null"):
        return ""
    body = parsed(value)
    fits = isinstance(body, KINDS.get(read.kind or "", (dict, list)))
    if not fits:
        return f"it must be JSON: {read.kind or 'a list or an object'}"
    if read.keys is not None and set(body) != set(read.keys):
        return f"it lacks or does not know {', '.join(sorted(set(body) ^ set(read.keys)))}"
    texts = read.how != "texts" or all(isinstance(each, str) and each for each in _items(body))
    return "" if texts else "it holds something else than texts"


def _items(body: Any) -> list[Any]:
    return list(body.values()) if isinstance(body, dict) else body


def contract(stack: Stack) -> Iterator[Finding]:
    """What the handlers decide by are the numbers of the contract."""
    agreed: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
        ("controller", "POLICY"): {
            "cooldown_hours": ("retraining", "cooldown_hours"),
            "max_age_days": ("retraining", "max_age_days"),
            "max_per_month": ("retraining", "max_per_month"),
            "windows_days": ("retraining", "windows_days"),
            "monthly_usd": ("budget", "monthly_usd"),
            "new_data": ("triggers", "new_data"),
            "approval": ("approval",),
        },
        ("deployer", "ROLLOUT"): {
            "strategy": ("rollout", "strategy"),
            "percent": ("rollout", "percent"),
            "bake_minutes": ("rollout", "bake_minutes"),
        },
    }
    for (word, name), fields in agreed.items():
        node, body = stack.functions.get(word), parsed(stack.variables(word).get(name))
        for field, keys in fields.items() if node and isinstance(body, dict) else ():
            wanted = stack.agreed(*keys)
            if node and wanted is not None and field in body and body[field] != wanted:
                because = f"loop.yaml says {'.'.join(keys)}: {wanted}, and the {word} is handed {body[field]}"
                where = f"environment.variables.{name}"
                yield _broken("functions.contract", node, where, f"{field} is not as agreed", because)


def _broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    attempt = "mend the variables in infra/__main__.py and infra/mlops/loop.py, or what the handler reads"
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=attempt)


RULES = (handlers, variables, values, contract)

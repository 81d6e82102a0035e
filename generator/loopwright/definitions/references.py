"""Where references lead: parameters, the run, properties and property files of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken, entries
from loopwright.definitions.properties import FILES, outputs, property_of
from loopwright.definitions.resolve import EXECUTION, expression, expressions, term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document, Step
    from loopwright.wiring.findings import Finding

__all__ = ["property_files", "references"]

_FILE = ("PropertyFileName", "OutputName", "FilePath")


def references(document: Document) -> Iterator[Finding]:
    """Yield the expressions that are none, and the references that lead nowhere."""
    places = [(f"{step.path}.Arguments", step.arguments) for step in document.steps]
    places += [(key, value) for key, value in document.body.items() if key not in {"Parameters", "Steps"}]
    for where, value in places:
        for path, function, handed in expressions(value, where):
            if fault := _malformed(function, handed, document):
                yield broken("pipelines.reference", path, f"this {function} cannot be read", fault)
            elif function == "Get":
                yield from _astray(path, handed, document)


def _malformed(function: str, handed: Any, document: Document) -> str:
    """Return why an expression is none, or nothing."""
    if function == "Get":
        return "" if isinstance(handed, str) else "a reference is a text"
    if function not in {"Std:Join", "Std:JsonGet"}:
        return "the functions are Std:Join and Std:JsonGet"
    if not isinstance(handed, dict):
        return "a function is handed an object"
    return _join(handed, document) if function == "Std:Join" else _json_get(handed)


def _join(handed: dict[str, Any], document: Document) -> str:
    if not isinstance(handed.get("On", ""), str) or not isinstance(handed.get("Values"), list):
        return "it has a text On and a list Values"
    kinds = [term(value, document).kind for value in handed["Values"]]
    odd = sorted({"list", "structure", "map"} & set(kinds))
    return f"a {odd[0]} cannot be joined into a text" if odd else ""


def _json_get(handed: dict[str, Any]) -> str:
    if not isinstance(handed.get("Path"), str):
        return "Path is a text, known before the run"
    file = expression(handed.get("PropertyFile"))
    if "S3Uri" in handed or (file is not None and file[0] == "Get" and FILES in str(file[1])):
        return ""
    return "PropertyFile is a reference to a property file of a step"


def _astray(path: str, name: str, document: Document) -> Iterator[Finding]:
    root, _, rest = name.partition(".")
    step, _, inner = rest.partition(".")
    if root == "Steps" and step in document.named and inner.startswith(FILES):
        yield from _property_file(path, inner.removeprefix(FILES), document.named[step])
    elif fault := _fault(root, rest, document):
        yield broken("pipelines.reference", path, f"{name} is nothing", fault)


def _fault(root: str, rest: str, document: Document) -> str:
    """Return why a reference leads nowhere, or nothing."""
    if root == "Parameters":
        return "" if rest in document.parameters else f"no parameter is named {rest}"
    if root == "Execution":
        return "" if rest in EXECUTION else f"a run has {', '.join(sorted(EXECUTION))}"
    if root != "Steps":
        return "it is none of Parameters, Steps and Execution"
    name, _, path = rest.partition(".")
    step = document.named.get(name)
    return property_of(step, path).fault if step else f"no step is named {name}"


def _property_file(path: str, name: str, step: Step) -> Iterator[Finding]:
    files = (each for _, each in entries(step.body.get("PropertyFiles"), ""))
    declared = [each.get("PropertyFileName") for each in files if isinstance(each, dict)]
    if name not in declared:
        because = f"{step.name} has {', '.join(map(str, declared)) or 'none'}"
        yield broken("pipelines.property_file", path, f"there is no property file {name}", because)
    elif not path.endswith(".Std:JsonGet.PropertyFile"):
        because = "a property file is no value; Std:JsonGet reads one out of it"
        yield broken("pipelines.property_file", path, f"the property file {name} stands for itself", because)


def property_files(document: Document) -> Iterator[Finding]:
    """Yield the property files that are none, or that no output of their step has."""
    for step in document.steps:
        given = step.body.get("PropertyFiles")
        if given is not None and not isinstance(given, list):
            yield broken("pipelines.property_file", f"{step.path}.PropertyFiles", "these are no files", "it is no list")
        names = outputs(step)
        for path, each in entries(given, f"{step.path}.PropertyFiles"):
            missing = [key for key in _FILE if not isinstance(each, dict) or not isinstance(each.get(key), str)]
            if missing:
                because = f"it has no text {', '.join(missing)}"
                yield broken("pipelines.property_file", path, "this is no property file", because)
            elif each["OutputName"] not in names:
                because = f"{step.name} has the outputs {', '.join(map(str, names)) or 'none'}"
                what = f"{each['PropertyFileName']} lies in no output"
                yield broken("pipelines.property_file", path, what, because)

"""What the project's own files do, read from their syntax trees: nothing is imported and nothing is run."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING, Any

from loopwright.wiring.calls import Call, calls
from loopwright.wiring.syntax import (
    Read,
    assigned,
    beside,
    class_of,
    constants,
    fields_of,
    function_of,
    is_method,
    keys_of,
    literal_keys,
    marks_read,
    marks_written,
    reads,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["HANDLERS", "Sources"]

HANDLERS = "infra/mlops/handlers"


class Sources:
    """The syntax trees of a project.

    Args:
        project: The generated repository.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self._trees: dict[str, ast.Module | None] = {}
        self._known: dict[tuple[str, str], Any] = {}
        """What was asked already: one project has several stacks."""

    def tree(self, path: str) -> ast.Module | None:
        """Return the syntax tree of a file; None where there is none."""
        if path not in self._trees:
            file = self.project / path
            self._trees[path] = ast.parse(file.read_text(encoding="utf-8"), filename=path) if file.is_file() else None
        return self._trees[path]

    def reachable(self, word: str) -> dict[str, ast.Module]:
        """Return a handler's module and every module beside it that it imports, by name."""
        found: dict[str, ast.Module] = {}
        waiting = [word]
        while waiting:
            name = waiting.pop()
            tree = self.tree(f"{HANDLERS}/{name}.py")
            if name not in found and tree is not None:
                found[name] = tree
                waiting += beside(tree)
        return found

    def has_function(self, word: str, function: str) -> bool:
        """Tell whether a handler's module defines a function."""
        tree = self.tree(f"{HANDLERS}/{word}.py")
        return tree is not None and any(
            isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body
        )

    def reads(self, word: str) -> list[Read]:
        """Return the environment variables that a handler reads."""
        made: list[Read] = self._once(
            "reads", word, lambda: [read for tree in self.reachable(word).values() for read in reads(tree)]
        )
        return made

    def calls(self, word: str) -> list[Call]:
        """Return what a handler asks of AWS, through every module that it imports."""
        made: list[Call] = self._once(
            "calls", word, lambda: [call for name in self.reachable(word) for call in calls(name, self.reachable(word))]
        )
        return made

    def _once(self, question: str, word: str, make: Callable[[], Any]) -> Any:
        if (question, word) not in self._known:
            self._known[question, word] = make()
        return self._known[question, word]

    def published(self, word: str) -> set[str]:
        """Return the metrics that a handler publishes: what it calls ``metrics`` and adds to that."""
        made: set[str] = self._once("published", word, lambda: self._published(word))
        return made

    def _published(self, word: str) -> set[str]:
        tree = self.tree(f"{HANDLERS}/{word}.py")
        handler = function_of(tree, "handler") if tree else None
        if handler is None:
            return set()
        told = [node.args[-1] for node in ast.walk(handler) if is_method(node, "tell") and node.args]
        return set(
            keys_of(handler, {part.id for value in told for part in ast.walk(value) if isinstance(part, ast.Name)})
        )

    def logged(self, word: str) -> set[str]:
        """Return the fields at the top of a handler's log line about a decision."""
        found = {"message"}
        for name in ("retraining", "rollout"):
            tree = self.reachable(word).get(name)
            decision = class_of(tree, "Decision") if tree else None
            found |= set(fields_of(decision)) if decision else set()
        own, aws = self.tree(f"{HANDLERS}/{word}.py"), self.tree(f"{HANDLERS}/aws.py")
        handler = function_of(own, "handler") if own else None
        for part in (handler, class_of(aws, "Teller") if aws else None):
            found |= set(literal_keys(part)) if part else set()
        return found

    @cached_property
    def marks(self) -> tuple[set[str], set[str]]:
        """The metadata of packages that the deployer reads, and what of it the deployer writes itself."""
        read: set[str] = set()
        written: set[str] = set()
        for tree in self.reachable("deployer").values():
            for node in ast.walk(tree):
                read |= set(marks_read(node))
                written |= set(marks_written(node))
        return read, written

    @cached_property
    def commands(self) -> dict[str, str] | None:
        """The commands of ``python -m ml`` with their modules; None where ``ml/__main__.py`` lists none."""
        tree = self.tree("ml/__main__.py")
        found = assigned(tree, "COMMANDS") if tree else None
        if not isinstance(found, ast.Dict):
            return None
        return {
            str(key.value): ast.unparse(value.elts[0]).strip("'\"").partition(":")[0]
            for key, value in zip(found.keys, found.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple)
        }

    @cached_property
    def signals(self) -> set[str] | None:
        """The metrics of ``ml/signals.py``; None where it lists none."""
        tree = self.tree("ml/signals.py")
        found = assigned(tree, "METRICS") if tree else None
        return set(constants(found.keys)) if isinstance(found, ast.Dict) else None

    @cached_property
    def feature_event(self) -> str | None:
        """What marks the monitor's log lines about single features."""
        tree = self.tree("ml/signals.py")
        found = assigned(tree, "FEATURE_EVENT") if tree else None
        return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None

    @cached_property
    def lines(self) -> dict[str, set[str]]:
        """The fields of each log line of the project's own code, by its event, as `telemetry.line` is called."""
        found: dict[str, set[str]] = {}
        for path in sorted((self.project / "ml").rglob("*.py")):
            tree = self.tree(path.relative_to(self.project).as_posix())
            for node in ast.walk(tree) if tree else ():
                if is_method(node, "line") and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                    fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                    found.setdefault(str(node.args[1].value), set()).update({"time", "level", "event"} | fields)
        return found

    def words(self, module: str) -> set[str]:
        """Return every string constant of a module of the project, such as ``ml.gates``."""
        tree = self.tree(f"{module.replace('.', '/')}.py")
        return {str(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant)} if tree else set()

    def written(self, module: str) -> set[str]:
        """Return every string constant of a module of the project and of those of its package that it imports."""
        tree = self.tree(f"{module.replace('.', '/')}.py")
        package = module.partition(".")[0]
        used = [
            f"{package}.{alias.name}" if node.module == package else str(node.module)
            for node in (tree.body if tree else ())
            if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == package
            for alias in node.names
        ]
        return set().union(*map(self.words, (module, *used)))

    @cached_property
    def start_parameters(self) -> set[str] | None:
        """The pipeline parameters that the controller starts a training run with; None where it starts none."""
        tree = self.tree(f"{HANDLERS}/controller.py")
        start = function_of(tree, "start") if tree else None
        if start is None:
            return None
        given = [
            keyword.value
            for node in ast.walk(start)
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "PipelineParameters"
        ]
        names = {part.id for value in given for part in ast.walk(value) if isinstance(part, ast.Name)}
        return set(keys_of(start, names)) if given else None

    @cached_property
    def manual_reasons(self) -> set[str]:
        """The reasons of an event that the controller takes for a person's."""
        tree = self.tree(f"{HANDLERS}/controller.py")
        found = (
            part.value
            for node in (ast.walk(tree) if tree else ())
            if isinstance(node, ast.Compare) and is_method(node.left, "get")
            for part in node.comparators
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        )
        return set(found)

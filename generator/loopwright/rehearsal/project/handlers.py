"""The functions of a stack, run in the project's environment as Lambda runs them: one warm process for each."""

from __future__ import annotations

import json
from datetime import timedelta
from multiprocessing.connection import Listener
from typing import TYPE_CHECKING, Any

from loopwright.errors import LoopwrightError
from loopwright.rehearsal.aws.lambdas import FunctionError
from loopwright.rehearsal.project.environment import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.retrying import Event
    from loopwright.rehearsal.project.environment import Environment
    from loopwright.wiring.stack import Stack

__all__ = ["Handlers"]

LASTS = timedelta(seconds=2)
"""What a run takes; a laptop cannot tell how long one takes on AWS."""
CODE = "infra/mlops"
"""Where the code lies that a function's archive is made of."""


class Handlers:
    """The functions.

    Args:
        stack: Says their code, role and variables.
        environment: Where they run.
        clock: Their time.
        write: Takes each line of a log, with the name of its group.
        returned: Takes what each handler returned, with the function's name and its event.
    """

    def __init__(
        self,
        stack: Stack,
        environment: Environment,
        clock: Clock,
        *,
        write: Callable[[str, str], None],
        returned: Callable[[str, Event, dict[str, Any]], None],
    ) -> None:
        self._stack, self._environment, self._clock = stack, environment, clock
        self._write, self._returned = write, returned
        self._lines: dict[str, Connection] = {}
        self._count = 0

    def run(self, name: str, event: Event) -> timedelta:
        """Run a function on an event, and return how long that lasts.

        Raises:
            FunctionError: The handler raised.
            LoopwrightError: It asked for something that nobody emulates, or its process ended.
        """
        self._count += 1
        line = self._lines.get(name) or self._start(name)
        line.send((event, self._clock.now, f"{self._count:012d}"))
        try:
            how, what, said = line.recv()
        except EOFError as error:
            self._environment.answering.check()
            raise LoopwrightError(
                f"the function {name} ended", because="its process is gone", attempt="run its handler's own tests"
            ) from error
        for each in said.splitlines():
            self._write(f"/aws/lambda/{name}", each)
        if how == "raised":
            raise FunctionError(what, LASTS)
        self._returned(name, event, what)
        return LASTS

    def _start(self, name: str) -> Connection:
        node, environment = self._stack.named("function")[name], self._environment
        inputs = self._stack.inputs(node)
        address = str(environment.room / name[-20:])
        listener = Listener(address, "AF_UNIX")
        words = [
            *(str(environment.python), str(PROGRAMS / "function.py"), address, environment.answering.address),
            *(str(inputs["role"]), str(environment.project / CODE), str(inputs["handler"])),
        ]
        environment.started(words, environment.plain() | self._variables(node))
        with listener:
            self._lines[name] = listener.accept()
        return self._lines[name]

    def _variables(self, node: Node) -> dict[str, str]:
        found = dict(self._stack.variables_of(node))
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}

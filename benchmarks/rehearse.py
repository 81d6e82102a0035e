"""One rehearsal of a project: steps per second, whether steps cost more as the history grows, and what takes the time.

    LOOPWRIGHT_PYTHON=PROJECT_ENV/bin/python python benchmarks/rehearse.py --project SHOP [--step 1d]

It is `loopwright rehearse`, by the command's own functions, with a stopwatch at the doors between its parts:

    training     executions of the training pipeline: probe, training, evaluation, gates
    monitor      executions of the monitoring pipeline
    functions    the controller's and the deployer's handlers, without what they wait for
    requests     questions to the project's server over HTTP
    emulation    everything else: the clock, the emulated services, what lands in the buckets

Growth is the second half of the steps over the first, by medians; steps in which a retraining started are told apart,
because they take many times as long and do not come evenly. The monitor looks back five weeks, so the first weeks are
cheaper than all others: of a short run that is most of its growth. The goal: a year of days below 3 minutes, 2 GiB,
growth 1.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal import pipelines
from loopwright.rehearsal.command import Wish, rehearse
from loopwright.rehearsal.containers import Containers
from loopwright.rehearsal.project.handlers import Handlers
from loopwright.rehearsal.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TRAINING, MONITOR, FUNCTIONS, REQUESTS, EMULATION = "training", "monitor", "functions", "requests", "emulation"
PARTS = (TRAINING, MONITOR, FUNCTIONS, REQUESTS, EMULATION)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step took."""

    seconds: dict[str, float]
    """By part."""
    retrained: bool
    """Whether a retraining started in it."""

    @property
    def total(self) -> float:
        """All parts, in seconds."""
        return sum(self.seconds.values())


@dataclass
class Stopwatch:
    """Seconds by part: time within a part that another one takes meanwhile counts for that other one.

    One stopwatch is enough for all threads: whoever asks another one waits for its answer.
    """

    clock: Callable[[], float] = time.perf_counter
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)
    steps: list[Step] = field(default_factory=list)
    _parts: list[str] = field(default_factory=lambda: [EMULATION])

    def __post_init__(self) -> None:
        self._since = self.clock()

    @contextmanager
    def during(self, part: str) -> Iterator[None]:
        """Count the time of a block for a part."""
        self._turn()
        self._parts.append(part)
        self.calls[part] += 1
        try:
            yield
        finally:
            self._turn()
            self._parts.pop()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Count a block as a step."""
        self._turn()
        seconds, calls = self.seconds.copy(), self.calls.copy()
        yield
        self._turn()
        took = {part: self.seconds[part] - seconds[part] for part in PARTS}
        self.steps.append(Step(seconds=took, retrained=self.calls[TRAINING] > calls[TRAINING]))

    def _turn(self) -> None:
        now = self.clock()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, required=True, help="a generated repository")
    parser.add_argument("--from", dest="begins", help="as `loopwright rehearse` has it")
    parser.add_argument("--to", dest="ends", help="as `loopwright rehearse` has it")
    parser.add_argument("--step", default="1d", help="as `loopwright rehearse` has it")
    options = parser.parse_args()
    watch = Stopwatch()
    attach(watch)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        wish = Wish(begins=options.begins, ends=options.ends, step=options.step, report=Path(folder))
        window = rehearse(options.project, wish, tell).document["window"]
    seconds = time.perf_counter() - begin
    begins, ends = (datetime.fromisoformat(window[edge]) for edge in ("from", "to"))
    print(f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}: {(ends - begins).days} days in {seconds:.1f} s")
    print("\n".join(lines(watch.steps, seconds)))
    here, children = _peak(resource.RUSAGE_SELF), _peak(resource.RUSAGE_CHILDREN)
    print(f"memory: {here:,.0f} MiB here, {children:,.0f} MiB in the largest child")


def tell(text: str) -> None:
    """Show on the standard error how far it is."""
    sys.stderr.write(f"{text}\n")


def attach(watch: Stopwatch) -> None:
    """Put the stopwatch at the doors."""

    def door(owner: Any, name: str, around: Callable[..., Any]) -> None:
        inner = getattr(owner, name)

        @wraps(inner)
        def watched(*words: Any, **named: Any) -> Any:
            with around(*words, **named):
                return inner(*words, **named)

        setattr(owner, name, watched)

    door(Rehearsal, "_step", lambda *_: watch.step())
    door(Rehearsal, "_answer", lambda *_: watch.during(EMULATION))
    door(Handlers, "run", lambda *_: watch.during(FUNCTIONS))
    door(Containers, "ask", lambda *_: watch.during(REQUESTS))
    door(Containers, "healthy", lambda *_: watch.during(REQUESTS))
    door(pipelines, "execute", lambda definition, **_: watch.during(_pipeline(definition)))


def _pipeline(definition: dict[str, Any]) -> str:
    told = (step["Arguments"].get("AppSpecification", {}) for step in definition["Steps"])
    watches = all(each.get("ContainerArguments", [""])[0] == pipelines.MONITOR for each in told)
    return MONITOR if watches else TRAINING


def lines(steps: Sequence[Step], seconds: float) -> Iterator[str]:
    """Yield what was found.

    Args:
        steps: In their order.
        seconds: The whole rehearsal.
    """
    within = sum(each.total for each in steps)
    yield f"{len(steps) / within:.2f} steps a second; {seconds - within:.1f} s before the first step and after the last"
    quiet, busy = ([each for each in steps if each.retrained is kind] for kind in (False, True))
    halves = half(quiet)
    yield f"{'':<11}{'all steps':>11}{'share':>8}   a quiet step: first half, second half, growth"
    for part in PARTS:
        total = sum(each.seconds[part] for each in steps)
        medians = [middle([each.seconds[part] for each in side]) for side in halves]
        yield f"{part:<11}{total:9.1f} s{total / within:8.0%}   {_growth(medians)}"
    yield f"{'all':<11}{within:9.1f} s{1:8.0%}   {_growth([middle([each.total for each in side]) for side in halves])}"
    retraining = _growth([middle([each.total for each in side]) for side in half(busy)])
    yield f"{len(quiet)} quiet steps; {len(busy)} with a retraining, one of which takes {retraining}"


def half(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """Return the first half and the second; of an odd number, the one in the middle is in neither."""
    size = len(steps) // 2
    return steps[:size], steps[len(steps) - size :]


def middle(values: Sequence[float]) -> float:
    """Return the median; not a number where there is none."""
    return statistics.median(values) if values else float("nan")


def _growth(medians: Sequence[float]) -> str:
    first, second = medians
    growth = f"{second / first:7.2f}x" if first else ""
    return f"{1000 * first:8.1f} ms {1000 * second:8.1f} ms {growth}".rstrip()


def _peak(who: int) -> float:
    """Return the largest resident memory in MiB; Linux tells it in KiB."""
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    main()

"""``loopwright new``: from answers to a repository, as one function."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loopwright.answers import Answers, command
from loopwright.contract.golden import write_golden
from loopwright.contract.inference import Inference, Wishes, infer
from loopwright.contract.summary import Found, summarize
from loopwright.contract.text import loop_yaml, schema_py
from loopwright.repository.apply import Stage, commit, land, stage, write
from loopwright.repository.catalog import find
from loopwright.repository.project import Data, repository
from loopwright.tables.ingest import Ingested, ingest
from loopwright.tables.simulate import simulate

if TYPE_CHECKING:
    from loopwright.repository.plan import Action

__all__ = ["Created", "Notice", "create"]

Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to know that stops nothing."""

    code: str
    message: str
    """What was seen, and what was done about it."""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Created:
    """What a run made, or would make."""

    target: Path
    answers: Answers
    actions: tuple[Action, ...]
    found: Found
    notices: tuple[Notice, ...]
    command: str
    """The non-interactive call that makes the same again."""
    next: tuple[str, ...]
    dry_run: bool


def create(answers: Answers, target: Path, *, git: bool, dry_run: bool, step: Step) -> Created:
    """Make a repository at ``target``, whole or not at all.

    Args:
        answers: All answers.
        target: An absolute path.
        git: Make it a git repository with a first commit.
        dry_run: Do everything but write into the target.
        step: Shows that a part of the work is under way.

    Raises:
        LoopwrightError: The data, the target or the template cannot be used; nothing is left behind.
    """
    with stage(target, dry_run=dry_run) as staged:
        data, inference = _data(answers, staged, step)
        with step("rendering the repository"):
            actions = repository(find(), answers, data)
        committed = True
        if not dry_run:
            with step("writing the repository"):
                write(staged, actions)
                committed = not git or commit(staged)
                land(staged)
    return Created(
        target=target,
        answers=answers,
        actions=actions,
        found=summarize(inference),
        notices=_notices(inference, committed=committed),
        command=shlex.join(command(answers, target, git=git)),
        next=_next(target),
        dry_run=dry_run,
    )


def _data(answers: Answers, staged: Stage, step: Step) -> tuple[Data, Inference]:
    history, golden_file = staged.scratch / "history.parquet", staged.scratch / "golden.parquet"
    with step("reading the data" if answers.data else "simulating the data"):
        if answers.data:
            ingested = ingest(Path(answers.data), history, time_column=answers.time_column)
        else:
            ingested = simulate(history, seed=answers.seed)
    with step("inferring the contract"):
        inference = infer(history, _wishes(answers, ingested))
    with step("setting golden rows apart"):
        golden = write_golden(history, golden_file, inference)
    return Data(
        history=history,
        golden=golden_file,
        source=ingested.source,
        source_sha256=ingested.sha256,
        renamed=ingested.renamed,
        loop_yaml=loop_yaml(inference, project=answers.project, golden=golden),
        schema_py=schema_py(inference, source=ingested.source),
    ), inference


def _wishes(answers: Answers, ingested: Ingested) -> Wishes:
    """Return what the answers ask of the inference, with the columns' names as they are after cleaning."""
    wishes = Wishes(
        target=answers.target or "purchased",
        time_column=answers.time_column,
        entity=answers.entity,
        task=answers.task,
        metric=answers.metric,
        positive=answers.positive,
        label_delay_days=answers.label_delay_days,
        exclude=answers.exclude,
        keep=answers.keep,
        approval=answers.approval,
    )
    if not answers.data:
        return replace(wishes, time_column="session_at", entity="customer_id")

    def clean(name: str) -> str:
        return ingested.renamed.get(name, name)

    return replace(
        wishes,
        target=clean(wishes.target),
        time_column=clean(wishes.time_column) if wishes.time_column else None,
        entity=clean(wishes.entity) if wishes.entity else None,
        exclude=tuple(map(clean, wishes.exclude)),
        keep=tuple(map(clean, wishes.keep)),
    )


def _notices(inference: Inference, *, committed: bool) -> tuple[Notice, ...]:
    found = tuple(Notice(code=w.code, columns=tuple(w.columns), message=w.message) for w in inference.warnings)
    no_git = Notice(code="no-git", message="git is not installed: the repository has no history yet")
    return found if committed else (*found, no_git)


def _next(target: Path) -> tuple[str, ...]:
    here = Path.cwd()
    if target == here:
        return ("make check", "make run", "make serve")
    near = os.path.relpath(target) if target.is_relative_to(here) else str(target)
    return (f"cd {shlex.quote(near)}", "make run", "make serve")

"""The questions of ``loopwright new`` as one typed model.

Prompts, flags, ``--set key=value``, ``--answers FILE`` and the saved ``.loopwright.yml`` are views of `Answers`.
Where several of them answer the same question, `resolve` says which one counts.
"""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from loopwright.errors import UsageError

__all__ = ["QUESTIONS", "Answers", "Ask", "Question", "command", "resolve", "saved", "valid_name"]

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_LENGTHS = range(2, 25)
RESERVED = ("aws", "sagemaker", "amzn")

Ask = Callable[[str, str | None, Callable[[str], str | None]], str]
"""Asks a person: (text, default, check) to the answer; check returns what is wrong with an answer, or None."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """How one answer is asked for and given."""

    help: str
    prompt: str | None = None
    """None: never asked, because the default is right for almost everyone."""
    flag: str | None = None
    """None: given with ``--set`` only."""
    metavar: str = "TEXT"
    needs: str | None = None
    """Makes sense only beside this other answer."""


def _name(text: str) -> str:
    if text.startswith(RESERVED):
        raise ValueError(f"AWS reserves names that begin with {', '.join(RESERVED)}")
    if not NAME.fullmatch(text) or len(text) not in NAME_LENGTHS:
        raise ValueError(
            f"a name fits every AWS limit with {NAME_LENGTHS[0]} to {NAME_LENGTHS[-1]} characters: lower-case letters, "
            f"digits and single hyphens, a letter first; {valid_name(text)!r} does",
        )
    return text


def _text(value: object) -> object:
    """Take YAML's booleans and numbers as the text they were; blank text is no answer."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and "\0" in value:
        raise ValueError("no column and no file has a NUL in its name")
    return None if isinstance(value, str) and not value.strip() else value


def _columns(value: object) -> object:
    """Split comma-separated names as CSV does, so that a quoted name may hold a comma."""
    if not isinstance(value, str):
        return value if isinstance(value, Sequence) else (value,)
    row = next(csv.reader(io.StringIO(value, newline=""), skipinitialspace=True), [])
    return tuple(name for name in row if name.strip())


Name = Annotated[str, AfterValidator(_name)]
Free = Annotated[str, Field(min_length=1, max_length=500)]
Maybe = Annotated[str | None, BeforeValidator(_text)]
Columns = Annotated[tuple[Annotated[str, BeforeValidator(_text)], ...], BeforeValidator(_columns)]
Owner = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^(@[A-Za-z0-9][\w-]*([./][\w-]+)*|[\w+-]+(\.[\w+-]+)*@[\w-]+(\.[\w-]+)+)$", max_length=200),
]
Owners = Annotated[tuple[Owner, ...], BeforeValidator(_columns)]
Remote = Annotated[str, Field(pattern=r"^[^\s\"'#,\\\x00-\x1f\x7f][^\"'#,\\\x00-\x1f\x7f]*$|^$", max_length=500)]


class Answers(BaseModel):
    """Everything a repository is made from besides its data and the version of this tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Annotated[
        Name,
        Question(help="Name of the project and of everything it owns on AWS.", prompt="Project name"),
    ]
    data: Annotated[
        Maybe,
        Question(
            help="CSV, Parquet or JSON Lines file to infer the contract from; without it a simulator writes one.",
            prompt="Data file (CSV, Parquet, JSON Lines; empty: simulate an online shop)",
            flag="--data",
            metavar="FILE",
        ),
    ] = None
    target: Annotated[
        Maybe,
        Question(
            help="Column to predict.", prompt="Column to predict", flag="--target", metavar="COLUMN", needs="data"
        ),
    ] = None
    time_column: Annotated[
        Maybe,
        Question(
            help="Column with the time of each row; every split respects it.",
            prompt="Column with the time of a row (empty: rows have no time)",
            flag="--time-column",
            metavar="COLUMN",
            needs="data",
        ),
    ] = None
    entity: Annotated[
        Maybe,
        Question(
            help="Column whose rows stay on one side of a split, such as a customer number.",
            prompt="Column that names the customer, machine, ... (empty: none)",
            flag="--entity",
            metavar="COLUMN",
            needs="data",
        ),
    ] = None
    label_delay_days: Annotated[
        float,
        Field(ge=0, le=3650, allow_inf_nan=False),
        Question(
            help="Days until the truth about a row is known (default: 1 with a time column, 0 without, 7 simulated).",
            prompt="Days until the truth about a row is known",
            flag="--label-delay",
            metavar="DAYS",
            needs="time_column",
        ),
    ]
    description: Annotated[
        Free, Question(help="What the model is for, in one sentence.", prompt="What is the model for")
    ]
    owner: Annotated[Free, Question(help="Who holds the copyright.", prompt="Copyright holder")]
    license: Annotated[
        Literal["apache-2.0", "mit", "proprietary"],
        Question(help="Licence of the repository.", prompt="Licence (apache-2.0, mit, proprietary)"),
    ] = "apache-2.0"
    task: Annotated[
        Literal["auto", "classification", "regression"],
        Question(help="Kind of task; auto takes it from the target."),
    ] = "auto"
    metric: Annotated[str, Question(help="Metric of the contract; auto takes the usual one for the task.")] = "auto"
    positive: Annotated[Maybe, Question(help="Class of interest where there are two; empty: the rarer one.")] = None
    exclude: Annotated[Columns, Question(help="Columns the model must not see, such as leaks.")] = ()
    keep: Annotated[
        Columns, Question(help="Columns to use as features although they look like leaks or identifiers.")
    ] = ()
    approval: Annotated[
        Literal["auto", "manual"],
        Question(help="Whether a model that passes every gate may go live without a person."),
    ] = "auto"
    ci: Annotated[
        Literal["github", "gitlab", "none"],
        Question(
            help="Whose continuous integration and delivery the repository gets.",
            prompt="Continuous integration (github, gitlab, none)",
        ),
    ] = "github"
    owners: Annotated[
        Owners,
        Question(help="Who reviews changes: @user, @organisation/team or e-mail, with commas between; for CODEOWNERS."),
    ] = ()
    dvc_remote: Annotated[
        Remote,
        Question(help="Where DVC pushes the data: a URL or a folder; empty: a local folder of the repository."),
    ] = ""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), Question(help="Seed of the simulator.")] = 7


QUESTIONS: Mapping[str, Question] = {
    name: next(part for part in field.metadata if isinstance(part, Question))
    for name, field in Answers.model_fields.items()
}


def resolve(
    folder: Path | None,
    *,
    flags: Mapping[str, Any],
    settings: Sequence[str] = (),
    file: Path | None = None,
    ask: Ask | None = None,
) -> Answers:
    """Merge all views into one set of answers: flags > ``--set`` > ``--answers`` > prompt > default.

    Args:
        folder: The target folder, which gives the project its default name; None when it is not known yet.
        flags: Values of the flags by answer; None means not given.
        settings: ``key=value`` texts.
        file: An answers file, or a saved ``.loopwright.yml``.
        ask: Asks a person; None never asks.

    Raises:
        UsageError: A key is unknown, a value cannot be meant, or an answer without a default is missing.
    """
    given = _from_file(file) if file else {}
    given |= _from_settings(settings)
    given |= {key: value for key, value in flags.items() if value is not None}
    if ask:
        given = _asked(given, folder, ask)
    if not folder and not given.get("project"):
        raise UsageError(
            "the project has no name",
            because="neither PATH nor a name is given",
            attempt="loopwright new PATH, or --set project=NAME",
        )
    try:
        answers = Answers.model_validate(_defaults(given, folder) | _answered(given))
    except ValidationError as error:
        raise _refused(error) from error
    _refuse_contradictions(answers)
    return answers


def valid_name(text: str) -> str:
    """Make a valid project name of any text, such as a folder's name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = "-".join(re.findall("[a-z0-9]+", plain))[: NAME_LENGTHS[-1]].strip("-")
    if len(name) in NAME_LENGTHS and name[0].isalpha() and not name.startswith(RESERVED):
        return name
    return f"ml-{name or 'project'}"[: NAME_LENGTHS[-1]].strip("-")


def command(answers: Answers, folder: Path, *, git: bool) -> list[str]:
    """Return the words of the non-interactive call that makes the same repository again, from any folder."""
    values = answers.model_dump()
    defaults = _defaults(values, folder) | {"project": valid_name(folder.name)}
    words = ["loopwright", "new", str(folder), "--no-input"]
    for key, question in QUESTIONS.items():
        if values[key] == defaults.get(key, Answers.model_fields[key].default):
            continue
        text = os.path.abspath(values[key]) if key == "data" else _as_text(values[key])  # noqa: PTH100 - resolve() would follow links
        words += [f"{question.flag}={text}"] if question.flag else ["--set", f"{key}={text}"]
    return words if git else [*words, "--no-git"]


def saved(answers: Answers) -> dict[str, Any]:
    """Return the answers as ``.loopwright.yml`` keeps them; of the data file it keeps the name, not the place."""
    data = Path(answers.data).name if answers.data else None
    return answers.model_dump(mode="json") | {"data": data}


def _defaults(given: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the defaults that depend on the folder or on other answers."""
    project = given.get("project") or (valid_name(folder.name) if folder else None)
    simulated = not given.get("data")
    target = given.get("target")
    delay = 7.0 if simulated else float(bool(given.get("time_column")))
    return {
        "project": project,
        "description": "Will this session end in a purchase?" if simulated else f"Predicts {target}."[:500],
        "owner": f"the {project} authors",
        "label_delay_days": delay,
    }


def _answered(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the blank answers: they mean the default."""
    return {
        key: value
        for key, value in given.items()
        if value is not None and (not isinstance(value, str) or value.strip())
    }


def _from_file(file: Path) -> dict[str, Any]:
    """Read an answers file; a saved ``.loopwright.yml`` holds its answers under ``answers``."""
    attempt = "write it as 'key: value' lines, or give the .loopwright.yml of a repository"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the answers file {file} cannot be read", because=str(reason), attempt=attempt) from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"the answers file {file} is not YAML", because=reason, attempt="mend that line") from error
    if isinstance(document, dict) and "answers" in document:
        document = document["answers"]
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise UsageError(f"the answers file {file} holds no answers", because=f"it holds a {kind}", attempt=attempt)
    return {_known(str(key), f"in {file}"): value for key, value in document.items()}


def _from_settings(settings: Sequence[str]) -> dict[str, str]:
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set {setting} gives no value",
                because="there is no '=' in it",
                attempt=f"--set {setting}=VALUE",
            )
        found[_known(key.strip(), "for --set")] = value
    return found


def _known(key: str, place: str) -> str:
    if key in QUESTIONS:
        return key
    near = difflib.get_close_matches(key, QUESTIONS, n=1, cutoff=0.5)
    raise UsageError(
        f"unknown key {key!r} {place}",
        because="no question has that name",
        attempt=f"{near[0]!r} is the nearest name" if near else f"one of {', '.join(QUESTIONS)}",
    )


def _asked(given: dict[str, Any], folder: Path | None, ask: Ask) -> dict[str, Any]:
    """Ask for what is not given yet, in the order of the model."""
    for key, question in QUESTIONS.items():
        if key in given or not question.prompt or (question.needs and not given.get(question.needs)):
            continue
        default = (_defaults(given, folder) | {"target": None}).get(key, Answers.model_fields[key].default or "")
        text = f"{question.prompt} [{_how(key)}]"
        given = given | {key: ask(text, None if default is None else _as_text(default), _checker(key))}
    return given


def _checker(key: str) -> Callable[[str], str | None]:
    """Return a function that tells what is wrong with an answer to one question."""

    def check(answer: str) -> str | None:
        if key == "data" and answer.strip() and not Path(answer).is_file():
            return f"there is no file {answer}"  # said now, and not after all other questions
        try:
            Answers.model_validate({key: answer})
        except ValidationError as error:
            return next((_reason(found) for found in error.errors() if found["loc"][0] == key), None)
        return None

    return check


def _refuse_contradictions(answers: Answers) -> None:
    """Refuse data without a target, and answers that make no sense without another one."""
    if answers.data and not answers.target:
        raise UsageError(
            "the answer to --target is missing",
            because="--data is given, and nothing says which of its columns to predict",
            attempt="add --target COLUMN",
        )
    if answers.owners and answers.ci == "none":
        raise UsageError(
            "--set owners=... makes no sense with --set ci=none",
            because="without a host, nobody asks the owners",
            attempt="leave it out, or name the host: --set ci=github",
        )
    for key, question in QUESTIONS.items():
        alone = question.needs and getattr(answers, key) and not getattr(answers, question.needs)
        # The simulator has a time column of its own, so a label delay makes sense without naming one.
        if question.needs and alone and (answers.data or question.needs == "data"):
            raise UsageError(
                f"{_how(key)} makes no sense alone",
                because=f"it says something about {_how(question.needs)}, which is not given",
                attempt=f"add {_how(question.needs)}, or leave {_how(key)} out",
            )


def _refused(error: ValidationError) -> UsageError:
    problems = [(str(found["loc"][0]), found) for found in error.errors()]
    return UsageError(
        f"{' and '.join(dict.fromkeys(_how(key) for key, _ in problems))} cannot be used",
        because="\n           ".join(f"{key}: {_reason(found)}" for key, found in problems),
        attempt=" ".join(dict.fromkeys(f"{key}: {QUESTIONS[key].help}" for key, _ in problems)),
    )


def _reason(found: Any) -> str:
    return str(found["msg"]).removeprefix("Value error, ")


def _how(key: str) -> str:
    return QUESTIONS[key].flag or f"--set {key}=..."


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        line = io.StringIO()
        spaced = any(name != name.strip() for name in value)
        # A space after a comma is no part of a bare name.
        quoted = csv.writer(line, lineterminator="", quoting=csv.QUOTE_ALL if spaced else csv.QUOTE_MINIMAL)
        quoted.writerow(value)
        return line.getvalue()
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)

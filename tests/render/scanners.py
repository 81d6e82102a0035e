"""The scanners of what we generate and of our own files, as one table: what each reads, and how it says what it found.

Each runs without a network. What one is told to leave alone stands here, or at the line in question, with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rules.judges import folder, need_judges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BLOCKS = "run-blocks"
"""The folder that `write_blocks` makes."""
NAMES = r"([\w ./-]*[./][\w ./-]*|CODEOWNERS|Dockerfile|LICENSE|Makefile|docker-entrypoint)"
DIGESTS = (
    r"sha256[:=] ?\"?[0-9a-f]{64}",  # a locked package, an image, data
    r"^ *-? *md5\b",  # data, as DVC names it
    rf"^ *\"?{NAMES}\"?: \"?[0-9a-f]{{64}}\"?,?$",  # a file, in .loopwright.yml and SOURCE.json
    r"\"?arn:aws:",  # a name, however long
)
"""Lines that hold the digest of a file, or a name of AWS: they give nobody a right. YAML is read unindented."""
EXAMPLES = r"generator/loopwright/wiring/events/"
"""AWS's own examples of its events."""
TESTS = {
    "B104": "a server of a test listens",
    "B105": "words that stand for passwords, or that look like it",
    "B108": "folders of this machine that are looked at",
    "B311": "chance that comes out the same again, and numpy's that is called `random`",
    "B607": "programs by their names",
}
"""What bandit finds in tests and what is no fault there; ruff's `S` rules see the rest of it, too."""


@dataclass(frozen=True)
class Scanner:
    """A judge from outside."""

    command: str
    words: Sequence[str]
    reads: Callable[[Path, str], bool]
    """Tells of a file (its root, and its path below that) whether it is looked at."""
    said: Callable[[str], Sequence[str]]
    """Returns the findings that stand in what it wrote."""
    ours: bool = False
    """Whether it is in our own environment, and not with the judges."""

    def need(self) -> None:
        """Skip the test where it is not installed, or fail it where it has to be."""
        if not self.ours:
            need_judges(self.command)

    def files(self, root: Path, among: Sequence[str]) -> list[str]:
        """Return what is looked at of some files below a root."""
        return [path for path in among if self.reads(root, path)]

    def findings(self, root: Path, files: Sequence[str]) -> list[str]:
        """Scan files below a root, and return what was found."""
        place = Path(sys.executable).parent if self.ours else folder()
        done = subprocess.run(
            [place / self.command, *self.words, *files],
            cwd=root, env={"PATH": str(place), "NO_COLOR": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = [*self.said(done.stdout)]
        # Some end with 0 whatever they found, none with anything else where they found nothing.
        assert found or done.returncode == 0, done.stdout + done.stderr
        return found


def _named(pattern: str) -> Callable[[Path, str], bool]:
    return lambda _, path: re.fullmatch(pattern, path) is not None


def _script(root: Path, path: str) -> bool:
    with (root / path).open("rb") as file:
        return re.match(rb"#!.*\b(sh|bash)\b", file.readline(100)) is not None


def _lines(text: str) -> list[str]:
    return text.splitlines()


def _items(text: str) -> list[str]:
    return [json.dumps(each) for each in json.loads(text)]


def _results(text: str) -> list[str]:
    found = json.loads(text)["results"]
    if isinstance(found, dict):
        found = [each for of_file in found.values() for each in of_file]
    return [json.dumps(each) for each in found]


def _schema(name: str, pattern: str, *words: str) -> Scanner:
    given = ("--builtin-schema", f"vendor.{name}", *words)
    return Scanner(
        "check-jsonschema", given, _named(pattern), lambda text: [] if text.startswith("ok") else _lines(text)
    )


def _bandit(pattern: str, *words: str) -> Scanner:
    given = ("--quiet", "--format", "json", "--configfile", "pyproject.toml", *words)
    return Scanner("bandit", given, _named(pattern), _results)


SCANNERS = {
    "zizmor, as its strictest auditor": Scanner(
        "zizmor",
        ("--offline", "--persona", "auditor", "--strict-collection", "--format", "json", "--no-progress"),
        _named(r"\.github/(workflows/.*|dependabot)\.yml"),
        _items,
    ),
    "actionlint": Scanner("actionlint", ("-no-color",), _named(r"\.github/workflows/.*\.yml"), _lines),
    "schema of workflows": _schema("github-workflows", r"\.github/workflows/.*\.yml"),
    "schema of Dependabot": _schema("dependabot", r"\.github/dependabot\.yml"),
    "schema of issue forms": _schema("github-issue-forms", r"\.github/ISSUE_TEMPLATE/(?!config).*\.yml"),
    "schema of the issue chooser": _schema("github-issue-config", r"\.github/ISSUE_TEMPLATE/config\.yml"),
    "schema of GitLab": _schema("gitlab-ci", r"\.gitlab-ci\.yml", "--data-transform", "gitlab-ci"),
    "shellcheck": Scanner("shellcheck", ("--norc",), _script, _lines),
    "hadolint": Scanner("hadolint", ("--format", "json"), _named(r"(.*/)?Dockerfile"), _items),
    "detect-secrets": Scanner(
        "detect-secrets",
        (
            "scan",
            "--no-verify",
            "--all-files",
            *(f"--exclude-lines={each}" for each in DIGESTS),
            f"--exclude-files={EXAMPLES}",
        ),
        lambda _, path: not path.endswith((".parquet", ".svg")),
        _results,
        ours=True,
    ),
    "bandit": _bandit(r"(?!tests/).*\.py"),
    "bandit, of tests": _bandit(r"tests/.*\.py", "--skip", ",".join(TESTS)),
}


def write_blocks(root: Path) -> None:
    """Write what the pipelines of a repository run as scripts into it, each for the shell that its host calls."""
    texts = [("#!/bin/bash", text) for text in run_blocks(root)] + [
        ("#!/bin/sh", text) for text in gitlab_scripts(root)
    ]
    for number, (shell, text) in enumerate(texts):
        (root / BLOCKS).mkdir(exist_ok=True)
        (root / BLOCKS / f"{number:03}").write_text(f"{shell}\n{text}\n", encoding="utf-8")


def jobs(root: Path) -> Iterator[tuple[str, dict, str, dict]]:
    """Yield every job of every workflow: (file, what starts the workflow, name, job)."""
    for file in sorted(root.glob(".github/workflows/*.yml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, job in document["jobs"].items():
            yield file.name, document[True], name, job  # YAML 1.1 reads `on` as true


def run_blocks(root: Path) -> list[str]:
    """Return every `run:` block of GitHub's workflows."""
    return [step["run"] for *_, job in jobs(root) for step in job.get("steps", ()) if "run" in step]


def gitlab_scripts(root: Path) -> list[str]:
    """Return what every job of GitLab runs, as one text each."""
    if not (root / ".gitlab-ci.yml").exists():
        return []
    document = yaml.safe_load((root / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    given = [job.get(key) for job in document.values() if isinstance(job, dict) for key in ("before_script", "script")]
    return ["\n".join(_flat(each)) for each in given if each]


def _flat(lines: str | list) -> list[str]:
    return [lines] if isinstance(lines, str) else [inner for line in lines for inner in _flat(line)]

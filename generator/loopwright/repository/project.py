"""Which files a generated repository consists of, beside its data: pure, from a template and values to actions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from loopwright import __version__
from loopwright.answers import Answers, saved
from loopwright.repository.catalog import bundled, files
from loopwright.repository.hosts import OWNERS, wanted
from loopwright.repository.plan import Action, plan
from loopwright.repository.render import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from loopwright.repository.catalog import Template

__all__ = ["SAVED", "Data", "repository"]

SAVED = ".loopwright.yml"
PULUMI_FILE = re.compile(r"Pulumi(\.[a-z0-9]+)?\.yaml")
SAMPLE_NAME = re.compile(rb"^(name: |  )shop(:|$)", re.MULTILINE)
_SAVED_HEAD = """\
# What this repository was made from. `loopwright update` reads it: keep it in git and leave it as it is.
# The same again: loopwright new PATH --answers .loopwright.yml (and --data FILE, where the file is elsewhere)
"""
_OWNERS = """\
# Who is asked to review a change. Of the lines whose path fits, the last one counts.
* {owners}
"""
_DVC_CONFIG = """\
[core]
    remote = storage
    analytics = false
    autostage = false
['remote "storage"']
    url = "{url}"
"""


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data part of a repository: two finished files, and the texts that were inferred from them."""

    history: Path
    golden: Path
    source: str
    """What the history was made from, in words or as a file name."""
    source_sha256: str
    renamed: Mapping[str, str]
    """The source's column names that had to change, and what they are now."""
    loop_yaml: str
    schema_py: str


def repository(template: Template, answers: Answers, data: Data) -> tuple[Action, ...]:
    """Return the plan of a repository; same answers and same data, same bytes.

    Raises:
        LoopwrightError: The template is broken.
    """
    ours = [*_data(data), *_dvc(answers.dvc_remote), *_inferred(data), *_infra(answers.project), *_owners(answers)]
    taken = {action.path for action in ours}
    renderer = Renderer(template.root / "cookiecutter.json", _values(answers, data.source))
    actions = [*ours, *(action for action in _template(template, renderer, answers) if action.path not in taken)]
    return plan([*actions, _saved(template, answers, data, actions)])


def _values(answers: Answers, source: str) -> dict[str, str]:
    """Return the variables of ``cookiecutter.json``."""
    names = {"project", "description", "owner", "license"}
    return answers.model_dump(include=names) | {"source": source}


def _template(template: Template, renderer: Renderer, answers: Answers) -> Iterator[Action]:
    for file in template.files():
        path = renderer.text(file.relative_to(template.body).as_posix(), name=str(file))
        if wanted(path, answers.ci):
            yield Action(
                path=PurePosixPath(path), content=renderer.file(file), executable=bool(file.stat().st_mode & 0o100)
            )
    license_text = renderer.file(template.licenses / f"{answers.license}.txt")
    yield Action(path=PurePosixPath("LICENSE"), content=license_text)


def _infra(project: str) -> Iterator[Action]:
    """Yield the Pulumi program: byte for byte, but for the project's name in Pulumi's own files.

    Pulumi wants that name there, and as the namespace of every setting: two projects of one organisation may not
    share it.
    """
    root = bundled("infra")
    for file in files(root):
        content = file.read_bytes()
        if PULUMI_FILE.fullmatch(file.name):
            content = SAMPLE_NAME.sub(rb"\g<1>" + project.encode() + rb"\g<2>", content)
        yield Action(path=PurePosixPath("infra", file.relative_to(root).as_posix()), content=content)


def _inferred(data: Data) -> Iterator[Action]:
    yield _text("loop.yaml", data.loop_yaml)
    yield _text("ml/schema.py", data.schema_py)


def _data(data: Data) -> Iterator[Action]:
    """Yield the data as DVC versions it, without DVC: a file that git ignores, beside a pointer that it keeps."""
    for file in (data.history, data.golden):
        md5 = _digest(file, "md5")
        out = {"md5": md5, "size": file.stat().st_size, "hash": "md5", "path": file.name}
        yield Action(path=PurePosixPath("data", file.name), content=file)
        yield _text(f"data/{file.name}.dvc", _yaml({"outs": [out]}))
    yield _text("data/.gitignore", f"/{data.history.name}\n/{data.golden.name}\n")


def _dvc(remote: str) -> Iterator[Action]:
    """Yield DVC's settings; a relative folder counts from the repository, while DVC counts from ``.dvc``."""
    where = remote or ".dvc-storage"
    url = where if "://" in where or where.startswith("/") else f"../{where}"
    yield _text(".dvc/config", _DVC_CONFIG.format(url=url))
    yield _text(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    ignored = "# What DVC need not look at, in the syntax of .gitignore.\n.venv\n.dvc-storage\n__pycache__\n"
    yield _text(".dvcignore", ignored)


def _owners(answers: Answers) -> Iterator[Action]:
    """Yield who reviews changes, where somebody is named: a file without owners asks nobody."""
    if answers.owners:
        yield _text(OWNERS[answers.ci], _OWNERS.format(owners=" ".join(answers.owners)))


def _saved(template: Template, answers: Answers, data: Data, actions: Iterable[Action]) -> Action:
    document: Mapping[str, Any] = {
        "template": template.name,
        "loopwright": __version__,
        "answers": saved(answers),
        "data": {"source": data.source, "sha256": data.source_sha256, "renamed": dict(data.renamed)},
        "files": {
            str(action.path): _sha256(action.content) for action in sorted(actions, key=lambda action: action.path)
        },
    }
    return _text(SAVED, _SAVED_HEAD + _yaml(document))


def _text(path: str, text: str) -> Action:
    return Action(path=PurePosixPath(path), content=text.encode())


class _Dumper(yaml.SafeDumper):
    """Quotes what does not print: PyYAML alone turns some line separators into others."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _represent)


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _sha256(content: bytes | Path) -> str:
    return _digest(content, "sha256") if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

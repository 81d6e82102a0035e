"""A template is itself a project: it parses, lints and is formatted before anything is rendered."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from cookiecutter.generate import generate_context, generate_file
from cookiecutter.utils import create_env_with_context
from jinja2 import FileSystemLoader

from conftest import ROOT
from loopwright.errors import LoopwrightError
from loopwright.escape import FILTERS
from loopwright.repository.catalog import Template, find
from loopwright.repository.render import TAG, Renderer

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = [find(path.parent.name) for path in sorted((ROOT / "templates").glob("*/cookiecutter.json"))]
FILES = [file for template in TEMPLATES for file in (*template.files(), *sorted(template.licenses.iterdir()))]
KINDS = {
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".toml": "toml",
    ".txt": "text",
    ".yaml": "yaml",
    ".yml": "yaml",
    "Dockerfile": "dockerfile",
    "Makefile": "makefile",
}


def of_kind(*kinds: str) -> list[Path]:
    return [file for file in FILES if kind(file) in kinds]


def kind(file: Path) -> str:
    return KINDS.get(file.suffix) or KINDS.get(file.name, "")


def test_there_is_a_template():
    assert [template.name for template in TEMPLATES] == ["tabular"]


@pytest.mark.parametrize("file", of_kind("python"), ids=lambda file: file.name)
def test_python_parses_unrendered(file):
    ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
@pytest.mark.parametrize("command", ["check", "format --check"])
def test_python_is_linted_unrendered_with_the_templates_own_rules(template, command):
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--no-cache", "."]
    done = subprocess.run(ruff, cwd=template.body, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", of_kind("toml", "yaml", "json"), ids=lambda file: file.name)
def test_settings_parse_unrendered(file):
    text = file.read_text(encoding="utf-8")
    {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}[kind(file)](text)


def test_names_of_files_never_vary():
    assert [
        file for template in TEMPLATES for file in template.files() if "{" in str(file.relative_to(template.body))
    ] == []


def test_tags_are_rare():
    texts = [file.read_bytes() for template in TEMPLATES for file in template.files()]
    tagged = sum(line.count(b"cookiecutter.") > 0 for text in texts for line in text.splitlines())
    assert 0 < tagged <= 0.03 * sum(len(text.splitlines()) for text in texts)


@pytest.mark.parametrize(
    "file", [file for file in FILES if b"cookiecutter" in file.read_bytes()], ids=lambda file: file.name
)
def test_every_tag_has_the_filter_of_its_file(file):
    """A valid project name needs none: it is the same text in every format."""
    tags = re.findall(r"{[{%].*?[%}]}", file.read_text(encoding="utf-8"))
    allowed = re.compile(r"{{ cookiecutter\.(project|license|\w+ \| (" + kind(file) + r")) }}")
    assert kind(file) in FILTERS
    assert [tag for tag in tags if "cookiecutter" in tag and not allowed.fullmatch(tag)] == []


def test_the_renderer_takes_every_file_with_a_tag():
    """What mentions cookiecutter in another spelling would be copied as it is."""
    assert [file for file in FILES if b"cookiecutter" in file.read_bytes() and TAG not in file.read_bytes()] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_cookiecutter_itself_renders_the_same(template, tmp_path, monkeypatch):
    values = {"description": 'a "quoted" text\n{{ 1 // 0 }}', "project": "churn"}
    context = generate_context(str(template.root / "cookiecutter.json"), extra_context=values)
    environment = create_env_with_context(context)
    environment.loader = FileSystemLoader(template.body)
    monkeypatch.chdir(template.body)
    ours = Renderer(template.root / "cookiecutter.json", values)
    tagged = [file for file in template.files() if TAG in file.read_bytes()]
    for file in tagged:
        (tmp_path / file.relative_to(template.body)).parent.mkdir(parents=True, exist_ok=True)
        generate_file(str(tmp_path), str(file.relative_to(template.body)), context, environment)
        assert (tmp_path / file.relative_to(template.body)).read_bytes() == ours.file(file)
    assert tagged


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ cookiecutter.nmae }}", "nmae"),
        ("{{ cookiecutter.project | tolm }}", "tolm"),
        ("{{ cookiecutter.", "expected name"),
        ("{{ cookiecutter.project.__class__.__mro__ }}", "unsafe"),
        ("{{ now() }}", "now"),
    ],
)
def test_a_broken_template_names_the_file_and_the_reason(tmp_path, text, reason):
    (tmp_path / "README.md").write_text("{{ cookiecutter.project }}" + text)
    with pytest.raises(LoopwrightError, match=r"README\.md") as caught:
        Renderer(find().root / "cookiecutter.json", {}).file(tmp_path / "README.md")
    assert reason in caught.value.because


def test_only_a_file_with_a_tag_is_rendered(tmp_path):
    text = b"on: ${{ github.ref }}\r\n{% no %}\xff"
    (tmp_path / "ci.yml").write_bytes(text)
    assert Renderer(find().root / "cookiecutter.json", {}).file(tmp_path / "ci.yml") == text


def test_what_running_a_template_leaves_is_no_part_of_it(tmp_path):
    body = tmp_path / "t" / "{{cookiecutter.project}}"
    for name in (
        "ml/train.py",
        "ml/__pycache__/x.pyc",
        ".ruff_cache/x",
        ".venv/bin/python",
        "models/m.txt",
        "data/x.parquet",
        "a.log",
    ):
        (body / name).parent.mkdir(parents=True, exist_ok=True)
        (body / name).touch()
    (body / ".gitignore").write_text("# ours\n/models/\n\ndata/*.parquet\n*.log\n")
    files = [str(file.relative_to(body)) for file in Template(name="t", root=tmp_path / "t").files()]
    assert files == [".gitignore", "ml/train.py"]

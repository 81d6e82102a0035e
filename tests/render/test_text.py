"""Whatever is answered, no file breaks and nothing executes: 10,000 texts through every file type, names and paths."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import tomllib

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loopwright.answers import NAME, NAME_LENGTHS, RESERVED, valid_name
from loopwright.errors import LoopwrightError
from loopwright.escape import one_line
from loopwright.repository.catalog import find
from loopwright.repository.plan import safe_path
from loopwright.repository.render import Renderer

CASES = settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPECIAL = [
    *("{{ 1 // 0 }}", "{% raw %}", "{#", "#}", "{{ cookiecutter.project }}", "${{ secrets.X }}"),
    *("$(shell touch pwned)", "$$", "`touch pwned`", "$HOME", "%", "@", "-", "+"),
    *('"', "'", '"""', "\\", ",", "]", "}", "|", ": ", " #", "#", "&a", "- ", "1. ", "---", "...", " "),
    *("\n", "\r\n", "\t", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\U000e0001", "é", "日本", "🙂"),
    *("*a*", "_b_", "~~", "<script>", "&amp;", "[x](y)", "![i](j)", "<!--"),
]
TEXT = st.lists(
    st.sampled_from(SPECIAL) | st.text(st.characters(codec="utf-8"), max_size=4), min_size=1, max_size=7
).map("".join)


def docker_word(line: str) -> str:
    """Read a double-quoted value as BuildKit's shell lexer does; a bare ``$`` would be a variable."""
    word, rest = "", iter(line.removeprefix('LABEL description="')[:-1])
    for char in rest:
        assert char not in '"$\n', "it would end the word or expand"
        word += next(rest) if char == "\\" else char
    return word


def markdown_text(line: str) -> str:
    """Read one paragraph without any markup."""
    blocks = MARKDOWN.parse(line)
    assert [token.type for token in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    assert {token.type for token in blocks[1].children} <= {"text", "text_special"}
    return "".join(token.content for token in blocks[1].children)


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
EXACTLY = {
    'x = "{{ cookiecutter.description | toml }}"\n': lambda line: tomllib.loads(line)["x"],
    'x: "{{ cookiecutter.description | yaml }}"\n': lambda line: yaml.load(line, yaml.CSafeLoader)["x"],
    'x = "{{ cookiecutter.description | python }}"\n': lambda line: ast.literal_eval(line.removeprefix("x = ")),
    '"""{{ cookiecutter.description | python }}"""\n': ast.literal_eval,
    '{"x": "{{ cookiecutter.description | json }}"}\n': lambda line: json.loads(line)["x"],
}
ON_ONE_LINE = {
    "x {{ cookiecutter.description | markdown }}\n": lambda line: markdown_text(line).removeprefix("x").strip(),
    "{{ cookiecutter.description | markdown }}": lambda line: markdown_text(line) if line else "",
    "{{ cookiecutter.description | text }}": str,
    'LABEL description="{{ cookiecutter.description | dockerfile }}"': docker_word,
}
RECIPE = "\t@printf '%s\\n' \"{{ cookiecutter.description | makefile }}\"\n"


def compiled(lines):
    """Compile lines once, in the environment of real renderings."""
    environment = Renderer(find().root / "cookiecutter.json", {})._environment
    return {line: environment.from_string(line) for line in lines}


def test_free_text_comes_back_from_every_file_type(tmp_path):
    templates, texts = compiled([*EXACTLY, *ON_ONE_LINE, RECIPE]), []

    @CASES
    @given(TEXT)
    def check(text):
        texts.append(text)
        values = {"cookiecutter": {"description": text}}
        for line, read in EXACTLY.items():
            assert read(templates[line].render(values)) == text, line
        for line, read in ON_ONE_LINE.items():
            assert read(templates[line].render(values)) == one_line(text), line
        assert one_line(text).isprintable()

    check()
    assert len(texts) >= 10_000
    # The real make and the real shell; many texts to a makefile, because a process takes its time.
    for start in range(0, len(texts), 500):
        some = texts[start : start + 500]
        recipe = "".join(templates[RECIPE].render({"cookiecutter": {"description": text}}) for text in some)
        (tmp_path / "Makefile").write_text(f"all:\n{recipe}", encoding="utf-8")
        done = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, check=False)
        assert done.stdout.decode().split("\n")[:-1] == [one_line(text) for text in some], done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"], "no text was executed"


@CASES
@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.from_regex(r"(aws|Amzn|SageMaker)?[ -~]{0,30}"))
def test_any_folder_gives_a_valid_name(text):
    name = valid_name(text)
    assert NAME.fullmatch(name)
    assert len(name) in NAME_LENGTHS
    assert not name.startswith(RESERVED)
    assert valid_name(name) == name


@CASES
@given(st.text(st.sampled_from("././.\\~:a.git\0 \né"), max_size=9))
def test_no_path_leaves_the_project(text):
    try:
        path = safe_path(text)
    except LoopwrightError:
        return
    assert not path.is_absolute()
    assert not {"..", ".", ""} & set(path.parts)
    assert path.parts[0].lower() != ".git"
    assert not set("\\:\0\n") & set(text)
    assert os.path.normpath(f"/project/{text}").startswith("/project/")

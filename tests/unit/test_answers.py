from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.answers import QUESTIONS, Answers, command, resolve, saved, valid_name
from loopwright.cli import cli
from loopwright.errors import UsageError
from loopwright.repository.project import _yaml

HERE = Path("/somewhere/churn")


def flags(**given):
    return {"data": None, "target": None, "time_column": None, "entity": None, "label_delay_days": None} | given


def test_without_any_answer_the_defaults_hold():
    answers = resolve(HERE, flags=flags())
    assert (answers.project, answers.data, answers.license) == ("churn", None, "apache-2.0")
    assert answers.owner == "the churn authors"
    assert answers.label_delay_days == 7


@pytest.mark.parametrize(("time", "delay"), [(None, 0), ("at", 1)])
def test_the_label_delay_of_a_file_depends_on_its_time_column(time, delay):
    assert resolve(HERE, flags=flags(data="x.csv", target="y", time_column=time)).label_delay_days == delay


@pytest.mark.parametrize(
    ("sources", "winner"),
    [
        ("flag set file prompt", "flag"),
        ("set file prompt", "set"),
        ("file prompt", "file"),
        ("prompt", "prompt"),
    ],
)
def test_precedence(tmp_path, sources, winner):
    file = tmp_path / "answers.yml"
    file.write_text("target: file\ndata: x.csv\n" if "file" in sources else "data: x.csv\n")

    def ask(text, default, check):
        return "prompt" if "--target" in text else default or ""

    answers = resolve(
        HERE,
        flags=flags(target="flag" if "flag" in sources else None),
        settings=["target=set"] if "set" in sources else [],
        file=file,
        ask=ask if "prompt" in sources else None,
    )
    assert answers.target == winner


def test_questions_name_the_way_round_them_and_skip_what_is_known():
    asked = []

    def ask(text, default, check):
        asked.append(text)
        return {"Column to predict [--target]": "y"}.get(text, default or "")

    answers = resolve(HERE, flags=flags(data="x.csv"), settings=["owner=Ada"], ask=ask)
    assert (answers.target, answers.owner, answers.time_column) == ("y", "Ada", None)
    assert all("[--" in text for text in asked)
    text = " ".join(asked)
    assert "--time-column" in text
    assert "--data" not in text, "it is known"
    assert "--label-delay" not in text, "there is no time column"
    assert "owner" not in text, "it is known"


def test_a_question_checks_its_own_answer_only():
    checks = {}
    resolve(HERE, flags=flags(), ask=lambda text, default, check: (checks.setdefault(text, check), default or "")[1])
    check = checks["Project name [--set project=...]"]
    assert check("shop") is None
    assert "AWS reserves" in check("aws-shop")
    assert "'shop-two' does" in check("Shop Two")
    check = next(check for text, check in checks.items() if text.endswith("[--data]"))
    assert check("") is None
    assert check(__file__) is None
    assert check("not-here.csv") == "there is no file not-here.csv"


@pytest.mark.parametrize("text", ["ab", "churn", "churn-2", "a" * 24, "x1-y2-z3"])
def test_valid_names(text):
    assert (
        Answers.model_validate({"project": text, "description": "d", "owner": "o", "label_delay_days": 0}).project
        == text
    )


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a" * 25,
        "Churn",
        "1churn",
        "churn-",
        "-churn",
        "a--b",
        "a_b",
        "a b",
        "aws-x",
        "sagemaker",
        "amzn1",
        "ünï",
        "a\n",
    ],
)
def test_invalid_names_are_explained(text):
    with pytest.raises(UsageError) as caught:
        resolve(HERE, flags=flags(), settings=[f"project={text}"])
    assert "project" in caught.value.what
    assert "name" in caught.value.because


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("churn", "churn"),
        ("My Shop!", "my-shop"),
        ("2024", "ml-2024"),
        ("aws-x", "ml-aws-x"),
        ("", "ml-project"),
        ("é", "ml-e"),
    ],
)
def test_the_default_name_comes_from_the_folder(folder, name):
    assert valid_name(folder) == name


@pytest.mark.parametrize(
    ("key", "near"), [("ownr", "owner"), ("label_delay", "label_delay_days"), ("timecolumn", "time_column")]
)
def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path, key, near):
    file = tmp_path / "answers.yml"
    file.write_text(f"{key}: 1\n")
    for source in ({"settings": [f"{key}=1"]}, {"file": file}):
        with pytest.raises(UsageError, match=key) as caught:
            resolve(HERE, flags=flags(), **source)
        assert near in caught.value.attempt


def test_a_missing_target_names_its_flag():
    with pytest.raises(UsageError) as caught:
        resolve(HERE, flags=flags(data="x.csv"))
    assert "--target" in caught.value.what


def test_without_a_path_the_project_needs_a_name():
    with pytest.raises(UsageError, match="no name"):
        resolve(None, flags=flags())
    assert resolve(None, flags=flags(), settings=["project=shop"]).project == "shop"


@pytest.mark.parametrize(
    "alone", [{"target": "y"}, {"entity": "c"}, {"data": "x.csv", "target": "y", "label_delay_days": "3"}]
)
def test_answers_that_make_no_sense_alone(alone):
    with pytest.raises(UsageError, match="makes no sense alone"):
        resolve(HERE, flags=flags(**alone))


def test_a_delay_of_zero_says_nothing():
    assert resolve(HERE, flags=flags(data="x.csv", target="y", label_delay_days="0")).label_delay_days == 0


@pytest.mark.parametrize(
    ("text", "columns"),
    [("a,b", ("a", "b")), ("a, b ", ("a", "b ")), ('"a,b",c', ("a,b", "c")), ("", ()), ("a,,b", ("a", "b"))],
)
def test_lists_are_comma_separated(text, columns):
    assert resolve(HERE, flags=flags(), settings=[f"exclude={text}"]).exclude == columns


@pytest.mark.parametrize(
    "setting",
    [
        "seed=-1",
        "seed=x",
        "license=gpl",
        "task=ranking",
        "label_delay_days=nan",
        "label_delay_days=-1",
        "owner=\ud800",
        'dvc_remote=a"b',
        "owners=ml",
        "owners=@a b",
        "owners=@a,# x",
    ],
)
def test_values_that_cannot_be_meant(setting):
    with pytest.raises(UsageError) as caught:
        resolve(HERE, flags=flags(), settings=[setting])
    assert setting.split("=")[0] in caught.value.because


@pytest.mark.parametrize("owner", ["@a\n* @evil", "@a\n", "a@b", "@a/", "-"])
def test_an_owner_is_one_word_that_a_host_knows(tmp_path, owner):
    (tmp_path / "answers.yml").write_text(_yaml({"owners": ["@octo-cat", "@org/team.x", "a.b+c@example.org"]}))
    assert len(resolve(HERE, flags=flags(), file=tmp_path / "answers.yml").owners) == 3
    (tmp_path / "answers.yml").write_text(_yaml({"owners": [owner]}))
    with pytest.raises(UsageError, match="owners"):
        resolve(HERE, flags=flags(), file=tmp_path / "answers.yml")


def test_owners_need_a_host_that_asks_them():
    with pytest.raises(UsageError) as caught:
        resolve(HERE, flags=flags(), settings=["owners=@a", "ci=none"])
    assert "ci=none" in caught.value.what


def test_yaml_gives_text_for_numbers_and_booleans(tmp_path):
    file = tmp_path / "answers.yml"
    file.write_text("data: x.csv\ntarget: 2020\npositive: yes\nexclude: [1, two]\nentity:\n")
    answers = resolve(HERE, flags=flags(), file=file)
    assert (answers.target, answers.positive, answers.exclude, answers.entity) == ("2020", "true", ("1", "two"), None)


FREE = st.text(min_size=1, max_size=40).filter(str.strip)
COLUMNS = st.lists(
    st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1, max_size=9).filter(str.strip),
    max_size=3,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "project": st.from_regex("[b-r][a-r]{1,9}(-[a-z0-9]{1,4}){0,2}", fullmatch=True),
        "description": FREE,
        "owner": FREE,
        "license": st.sampled_from(["apache-2.0", "mit", "proprietary"]),
        "label_delay_days": st.floats(0, 3650),
        "exclude": COLUMNS.map(tuple),
        "keep": COLUMNS.map(tuple),
        "ci": st.sampled_from(["github", "gitlab", "none"]),
        "dvc_remote": st.sampled_from(["", "s3://bucket/key", "../storage"]),
        "seed": st.integers(0, 2**31 - 1),
    },
)


@settings(max_examples=100, deadline=None)
@given(values=ANSWERS)
def test_every_view_gives_back_the_same_answers(values, tmp_path_factory):
    answers = resolve(HERE, flags=flags(**values))
    file = tmp_path_factory.getbasetemp() / "saved.yml"
    file.write_text(_yaml({"template": "tabular", "answers": saved(answers)}), encoding="utf-8")
    assert resolve(HERE, flags=flags(), file=file) == answers

    words = command(answers, HERE, git=True)
    parent = click.Context(cli, **cli.context_settings)
    parsed = cli.commands["new"].make_context("new", words[2:], parent=parent).params
    again = resolve(HERE, flags={key: parsed[key] for key in flags()}, settings=parsed["settings"])
    assert again == answers
    assert len(words) <= 4 + 2 * len(values), "defaults are not repeated"


@pytest.mark.parametrize(
    "text", ["0\x85", "a\u2028b", "\ufeffx", "tab\there", "two\nlines", "# no: comment", "x\x00\x1b"]
)
def test_a_saved_text_comes_back(tmp_path, text):
    answers = resolve(HERE, flags=flags(), settings=[f"owner={text}"])
    (tmp_path / "saved.yml").write_text(_yaml({"answers": saved(answers)}), encoding="utf-8")
    assert resolve(HERE, flags=flags(), file=tmp_path / "saved.yml").owner == text


def test_the_command_works_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers = resolve(HERE, flags=flags(data="my file.csv", target="Unit Price"))
    words = command(answers, HERE, git=False)
    assert words == [
        "loopwright",
        "new",
        str(HERE),
        "--no-input",
        f"--data={tmp_path}/my file.csv",
        "--target=Unit Price",
        "--no-git",
    ]
    assert saved(answers)["data"] == "my file.csv", "a committed file tells nobody where somebody keeps files"


def test_every_question_is_explained():
    assert all(question.help.endswith((".", ")", ").")) for question in QUESTIONS.values())
    assert set(QUESTIONS) == set(Answers.model_fields)

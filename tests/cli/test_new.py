"""``loopwright new`` as a user meets it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from hashlib import md5

import pytest
import yaml

from loopwright.repository.project import SAVED

ARGUMENTS = ["--target", "Returned?", "--time-column", "Ordered At", "--entity", "Customer No"]


@pytest.fixture
def new(loopwright, table):
    """Run ``loopwright new`` on the small table."""
    return lambda *words: loopwright("new", *words, "--data", table, *ARGUMENTS)


def test_a_data_file_becomes_a_repository(new, tmp_path):
    done = new(tmp_path / "churn")
    assert (done.code, done.stdout) == (0, "")
    contract = yaml.safe_load((tmp_path / "churn" / "loop.yaml").read_text())
    assert (contract["project"], contract["target"], contract["task"]) == ("churn", "returned", "classification")
    assert (contract["time_column"], contract["entity"]) == ("ordered_at", "customer_no")
    assert contract["quality"]["label_delay_days"] == 1
    assert "create  loop.yaml" in done.stderr
    assert "make run" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"churn", "orders.csv"}


def test_git_has_every_file_but_the_data(new, tmp_path):
    new(tmp_path / "churn")
    listed = subprocess.check_output(["git", "ls-files"], cwd=tmp_path / "churn", text=True).split()
    saved = yaml.safe_load((tmp_path / "churn" / SAVED).read_text())
    assert set(saved["files"]) - set(listed) == {"data/history.parquet", "data/golden.parquet"}
    assert set(listed) - set(saved["files"]) == {SAVED}
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=tmp_path / "churn") == b""


def test_dvc_pins_the_data(new, tmp_path):
    new(tmp_path / "churn", "--set", "dvc_remote=s3://bucket/data")
    for name in ("history", "golden"):
        data = tmp_path / "churn" / "data" / f"{name}.parquet"
        [out] = yaml.safe_load(data.with_name(f"{name}.parquet.dvc").read_text())["outs"]
        content = data.read_bytes()
        assert out == {
            "md5": md5(content, usedforsecurity=False).hexdigest(),
            "size": len(content),
            "hash": "md5",
            "path": data.name,
        }
    assert 'url = "s3://bucket/data"' in (tmp_path / "churn" / ".dvc" / "config").read_text()


def test_the_same_answers_and_data_give_the_same_bytes(new, loopwright, tmp_path, tree, monkeypatch):
    new(tmp_path / "one" / "churn", "--no-git", "--set", "owner=Ada")
    monkeypatch.chdir(tmp_path)
    saved = tmp_path / "one" / "churn" / SAVED
    again = loopwright("new", tmp_path / "two" / "churn", "--no-git", "--answers", saved)
    assert again.code == 0, again.stderr
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_the_command_at_the_end_makes_the_same_again(new, tmp_path, tree):
    free = 'it\'s $HOME, `x` "y"\n{{ cookiecutter }}'
    done = new(
        tmp_path / "churn", "--json", "--no-git", "--set", f"description={free}", "--set", 'exclude="Unit Price"'
    )
    first = tree(tmp_path / "churn")
    (tmp_path / "churn").rename(tmp_path / "first")
    command = done.json["command"].replace("loopwright", f"{shlex.quote(sys.executable)} -m loopwright", 1)
    subprocess.run(command, shell=True, cwd="/", check=True, capture_output=True)  # noqa: S602 - it must work in a shell  # nosec B602
    assert tree(tmp_path / "churn") == first


def test_a_dry_run_lists_the_same_files_and_writes_none(new, tmp_path):
    dry = new(tmp_path / "deep" / "churn", "--json", "--dry-run")
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv"}
    wet = new(tmp_path / "deep" / "churn", "--json")
    assert dry.json["files"] == wet.json["files"]
    assert (dry.json["dry_run"], wet.json["dry_run"]) == (True, False)
    on_disk = {str(p.relative_to(tmp_path / "deep/churn")) for p in (tmp_path / "deep").rglob("*") if p.is_file()}
    assert {file["path"] for file in wet.json["files"]} == {path for path in on_disk if not path.startswith(".git/")}


def test_json_is_alone_on_stdout(new, tmp_path):
    done = new(tmp_path / "churn", "--json")
    assert set(done.json) == {"target", "dry_run", "answers", "files", "found", "warnings", "next", "command"}
    assert done.json["answers"]["target"] == "Returned?"
    assert {file["status"] for file in done.json["files"]} == {"create"}
    assert len(done.json["next"]) == 3
    assert "is ready" in done.stderr


def test_warnings_are_told_with_what_was_done(loopwright, table, tmp_path):
    lines = table.read_text().splitlines()
    leak = [f"{line},{'gone' if line.endswith('1') else 'here'}" for line in lines[1:]]
    table.write_text("\n".join([f"{lines[0]},Fate", *leak]) + "\n")
    done = loopwright("new", tmp_path / "x", "--data", table, *ARGUMENTS, "--json", "--dry-run")
    [warning] = [warning for warning in done.json["warnings"] if warning["code"] == "leakage"]
    assert warning["columns"] == ["fate"]
    assert "left out" in warning["message"]
    assert warning["message"] in done.stderr


def test_here_means_this_folder(new, tmp_path, monkeypatch):
    (tmp_path / "My Shop").mkdir()
    monkeypatch.chdir(tmp_path / "My Shop")
    done = new(".", "--json")
    assert done.code == 0, done.stderr
    assert done.json["next"][0] == "make check", "we are there already"
    assert yaml.safe_load((tmp_path / "My Shop" / "loop.yaml").read_text())["project"] == "my-shop"


def test_a_time_column_may_hold_seconds(loopwright, table, tmp_path):
    head, *rows = table.read_text().splitlines()
    with_seconds = [f"{row},{1_700_000_000 + 3600 * number}" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{head},At", *with_seconds]) + "\n")
    done = loopwright(
        "new", tmp_path / "x", "--data", table, "--target", "Returned?", "--time-column", "At", "--no-git"
    )
    assert done.code == 0, done.stderr
    assert '"at": Column(pl.Datetime' in (tmp_path / "x" / "ml" / "schema.py").read_text()


def test_scripts_can_be_run(new, tmp_path):
    new(tmp_path / "churn")
    assert os.access(tmp_path / "churn" / "requirements" / "lock", os.X_OK)
    assert not os.access(tmp_path / "churn" / "loop.yaml", os.X_OK)


def test_without_a_path_the_folder_has_the_projects_name(new, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new("--set", "project=churn", "--no-git").code == 0
    assert (tmp_path / "churn" / "loop.yaml").is_file()


@pytest.mark.parametrize("text", ["apache-2.0", "mit", "proprietary"])
def test_the_licence(new, tmp_path, text):
    new(tmp_path / "churn", "--set", f"license={text}", "--set", "owner=Ada {{ x }} Ltd")
    assert "Copyright Ada {{ x }} Ltd" in (tmp_path / "churn" / "LICENSE").read_text()


def test_without_git_installed_there_is_a_warning(new, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = new(tmp_path / "churn", "--json")
    assert done.code == 0
    assert "no-git" in [warning["code"] for warning in done.json["warnings"]]
    assert not (tmp_path / "churn" / ".git").exists()


def test_no_template_tag_is_left(new, tmp_path):
    new(tmp_path / "churn", "--no-git")
    texts = [path.read_bytes() for path in (tmp_path / "churn").rglob("*") if path.is_file()]
    assert [text for text in texts if b"cookiecutter" in text] == []


def test_simulated_data_need_no_answer(loopwright, tmp_path):
    done = loopwright("new", tmp_path / "shop", "--no-git", "--json")
    assert done.code == 0, done.stderr
    contract = yaml.safe_load((tmp_path / "shop" / "loop.yaml").read_text())
    assert (contract["target"], contract["quality"]["label_delay_days"]) == ("purchased", 7)


def bad_yaml(path):
    path.write_text("a: [\n")
    return ["x", "--answers", path]


def binary_answers(path):
    path.write_bytes(b"\xff\xfe\x00")
    return ["x", "--answers", path]


def list_answers(path):
    path.write_text("- 1\n")
    return ["x", "--answers", path]


def nested_answers(path):
    path.write_text("target: {a: 1}\n")
    return ["x", "--answers", path]


def nul_answers(path):
    path.write_text('data: "a\\0b"\ntarget: y\n')
    return ["x", "--answers", path]


def taken(path):
    path.write_text("mine")
    return [path]


def below_a_file(path):
    path.write_text("mine")
    return [path / "churn"]


def not_empty(path):
    (path / "mine").mkdir(parents=True)
    return [path, "--data", "x.csv"]  # the missing --target would come next: a taken place is told before any question


def no_table(path):
    path.with_suffix(".csv").write_bytes(os.urandom(500))
    return ["x", "--data", path.with_suffix(".csv"), "--target", "y"]


def empty_table(path):
    path.with_suffix(".csv").touch()
    return ["x", "--data", path.with_suffix(".csv"), "--target", "y"]


BAD = {
    "no path": (lambda _: [], 2, "no name"),
    "no target": (lambda p: ["x", "--data", p], 2, "--target"),
    "no such data": (lambda p: ["x", "--data", p / "no.csv", "--target", "y"], 1, "no.csv"),
    "data is a folder": (lambda p: ["x", "--data", p.parent, "--target", "y"], 1, "folder"),
    "data is noise": (no_table, 1, "error:"),
    "data is empty": (empty_table, 1, "error:"),
    "no such answers": (lambda p: ["x", "--answers", p / "no.yml"], 2, "cannot be read"),
    "answers are a folder": (lambda p: ["x", "--answers", p.parent], 2, "cannot be read"),
    "answers are no YAML": (bad_yaml, 2, "not YAML"),
    "answers are no text": (binary_answers, 2, "error:"),
    "answers are a list": (list_answers, 2, "holds no answers"),
    "answers are nested": (nested_answers, 2, "target"),
    "unknown key": (lambda _: ["x", "--set", "ownr=me"], 2, "'owner'"),
    "no value": (lambda _: ["x", "--set", "owner"], 2, "--set owner=VALUE"),
    "bad name": (lambda _: ["x", "--set", "project=aws-x"], 2, "reserves"),
    "bad number": (lambda _: ["x", "--set", "seed=x"], 2, "seed"),
    "unknown option": (lambda _: ["x", "--dry"], 2, "--dry-run"),
    "too many paths": (lambda _: ["x", "y"], 2, "new --help"),
    "target is a file": (taken, 1, "is a file"),
    "target below a file": (below_a_file, 1, "cannot be written"),
    "target is not empty": (not_empty, 1, "holds mine"),
    "target is the root": (lambda _: ["/"], 1, "not empty"),
    "NUL in a name": (nul_answers, 2, "NUL"),
    "target is too long": (lambda _: ["x" * 300], 1, "too long"),
    "target is no Unicode": (lambda p: [p.parent / "\udcff", "--set", "owner=\udcff"], 2, "owner"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_without_a_traceback(case, loopwright, tmp_path, monkeypatch, tree):
    monkeypatch.chdir(tmp_path)
    words, code, text = BAD[case]
    words = words(tmp_path / "thing")
    before = tree(tmp_path)
    for as_json in ([], ["--json"]):
        done = loopwright("new", *words, *as_json)
        assert done.code == code, done.stderr
        assert text in done.stderr
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert "should not have happened" not in done.stderr
        assert set(json.loads(done.stdout)["error"]) == {"what", "because", "try"} if as_json else done.stdout == ""
        assert tree(tmp_path) == before


def test_an_unknown_column_is_refused_and_leaves_nothing(loopwright, table, tmp_path):
    done = loopwright("new", tmp_path / "a" / "b", "--data", table, "--target", "Retuned?")
    assert done.code == 2
    assert "returned" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_parent(new, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = new(tmp_path / "locked" / "churn")
    assert done.code == 1
    assert "Permission denied" in done.stderr

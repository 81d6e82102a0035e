"""The commands that look at a stack: they need no account, say what they found, and end with the right code."""

from __future__ import annotations

import json
import sys

import pytest
from projects import DIGEST, project

from stacks import TEMPLATE


@pytest.fixture(scope="module")
def repository():
    folder = project()
    file = folder / "infra/Pulumi.staging.yaml"
    file.write_text(f"{file.read_text()}  shop:imageDigest: {DIGEST}\n")
    return folder


@pytest.fixture(autouse=True)
def _python(monkeypatch):
    monkeypatch.setenv("LOOPWRIGHT_PYTHON", sys.executable)


def test_preview_shows_the_loop_before_there_is_an_image(loopwright, repository):
    done = loopwright("preview", "-s", "dev", "--project", repository)
    assert done.code == 0, done.stderr
    assert "no image yet" in done.stderr
    assert "sagemaker endpoint" in done.stderr
    assert done.stdout == ""


def test_preview_as_json(loopwright, repository):
    done = loopwright("preview", "-s", "staging", "--project", repository, "--json", "--assume", "requests=0")
    assert done.code == 0, done.stderr
    assert isinstance(done.json, dict)


def test_parity_refuses_a_difference_that_nobody_allowed(loopwright, repository):
    done = loopwright("parity", "dev", "staging", "--project", repository)
    assert done.code == 3, "staging has an image and dev has none"
    assert "image" in done.stderr
    assert "because:" in done.stderr


def test_terraform_without_an_image_is_the_foundation(loopwright, repository, tmp_path):
    done = loopwright("export", "terraform", "-s", "dev", "--project", repository, "--out", tmp_path / "tf", "--json")
    assert done.code == 0, done.stderr
    assert done.json["foundation_only"]
    document = json.loads((tmp_path / "tf/main.tf.json").read_text())
    assert "aws_ecr_repository" in document["resource"]
    assert "aws_sagemaker_endpoint" not in document["resource"]


def test_terraform_refuses_a_program_that_looks_into_unknown_values(loopwright, tmp_path):
    folder = project()
    program = folder / "infra/__main__.py"
    line = '\npulumi.export("odd", images.url.apply(lambda url: "long" if len(url) > 60 else "short"))\n'
    program.write_text(program.read_text() + line)
    done = loopwright("export", "terraform", "-s", "dev", "--project", folder, "--out", tmp_path / "tf")
    assert done.code == 1
    assert "decides by values that only AWS knows" in done.stderr
    assert not (tmp_path / "tf").exists()


def test_a_picture_is_a_page_of_the_repository(loopwright, repository, tmp_path):
    out = tmp_path / "pictures" / "architecture.md"
    done = loopwright("export", "picture", "-s", "dev", "--project", repository, "--out", out, "--json")
    assert (done.code, done.json) == (0, {"target": str(out)})
    assert out.read_text(encoding="utf-8") == (TEMPLATE / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("preview", "-s", "prd"), ("export", "terraform", "-s", "prd")])
def test_an_unknown_stack_is_told_with_those_there_are(loopwright, repository, words):
    done = loopwright(*words, "--project", repository)
    assert done.code == 2
    assert "dev, prod, staging" in done.stderr


def test_a_folder_without_infra_is_told(loopwright, tmp_path):
    done = loopwright("preview", "-s", "dev", "--project", tmp_path)
    assert done.code in {1, 2}
    assert "try:" in done.stderr

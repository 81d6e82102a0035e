"""The scripts of `.ci/`: what they ask of AWS, Docker, skopeo and Pulumi, and what they do with the answers."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from loopwright.repository.catalog import find

HOME = "111.dkr.ecr.eu-west-1.amazonaws.com"
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
IMAGE = f"{HOME}/shop-dev-image@{DIGEST}"
FAKE = """\
#!/usr/bin/env python3
import json, os, pathlib, sys

name, words, given = pathlib.Path(sys.argv[0]).name, sys.argv[1:], "" if sys.stdin.isatty() else sys.stdin.read()
call = " ".join([name, *words])
folder = pathlib.Path(os.environ["FAKES"])
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([call, given]) + "\\n")
for number, (start, answer) in enumerate(json.loads((folder / "answers.json").read_text())):
    if call.startswith(start):
        used = folder / f"used-{number}"
        turn = int(used.read_text()) if used.exists() else 0
        used.write_text(str(turn + 1))
        answers = answer if isinstance(answer, list) else [answer]
        said = answers[min(turn, len(answers) - 1)]
        if words[:2] == ["lambda", "invoke"]:
            pathlib.Path(words[-1]).write_text('{"start": true}')
            (folder / "event.json").write_text(open(words[words.index("--payload") + 1].removeprefix("fileb://")).read())
        sys.exit(1) if said is None else print(said)
        break
"""
ANSWERS = {
    "aws ecr get-authorization-token": f"https://{HOME}",
    "aws ecr get-login-password": "hush",  # pragma: allowlist secret - a password of ours
    "aws ecr batch-get-image": DIGEST,
}


@pytest.fixture
def script(tmp_path):
    """Return a function that runs a script of `.ci/` in a repository of one commit, with programs that only answer."""
    body, fakes, work = find().body, tmp_path / "fakes", tmp_path / "work"
    for folder in (fakes, work / "infra"):
        folder.mkdir(parents=True)
    for name in ("aws", "docker", "skopeo", "pulumi"):
        (fakes / name).write_text(FAKE)
        (fakes / name).chmod(0o755)
    (work / "loop.yaml").write_text((body / "loop.yaml").read_text())
    (work / "infra/Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1}\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(work)]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def call(name, *words, **answers):
        told = {key.replace("__", "-").replace("_", " "): value for key, value in answers.items()}
        found = [*told.items(), *ANSWERS.items()]
        (fakes / "answers.json").write_text(json.dumps(found))
        environment = {"PATH": f"{fakes}:{os.environ['PATH']}", "FAKES": str(fakes), "HOME": str(tmp_path)}
        done = subprocess.run(
            [body / ".ci" / name, *words], cwd=work, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = (fakes / "calls").read_text().splitlines() if (fakes / "calls").exists() else []
        done.calls = [json.loads(line) for line in lines]
        done.commit, done.work, done.fakes = commit, work, fakes
        return done

    return call


def asked(done, start):
    return [call for call, _ in done.calls if call.startswith(start)]


class TestImage:
    def test_it_is_built_once_and_named_by_its_digest(self, script):
        done = script("image", "dev", aws_ecr_batch__get__image=["None", DIGEST])
        assert (done.returncode, done.stdout) == (0, IMAGE + "\n"), done.stderr
        tag = f"{HOME}/shop-dev-image:{done.commit}"
        assert asked(done, "docker build") == [
            f"docker build --provenance=false --build-arg GIT_COMMIT={done.commit} --tag {tag} ."
        ]
        assert asked(done, "docker push") == [f"docker push {tag}"]

    def test_the_password_goes_by_stdin(self, script):
        done = script("image", "dev", aws_ecr_batch__get__image=["None", DIGEST])
        assert [given for call, given in done.calls if call.startswith("docker login")] == ["hush"]
        assert not [call for call, _ in done.calls if "hush" in call]

    def test_what_is_there_is_not_built_again(self, script):
        done = script("image", "dev")
        assert (done.returncode, done.stdout) == (0, IMAGE + "\n")
        assert asked(done, "docker") == []

    def test_a_push_that_left_nothing_is_an_error(self, script):
        done = script("image", "dev", aws_ecr_batch__get__image="None")
        assert (done.returncode, done.stdout) == (1, "")
        assert "the image has no digest" in done.stderr

    @pytest.mark.parametrize("failing", ["aws_ecr_get__login__password", "aws_ecr_batch__get__image", "docker_push"])
    def test_what_fails_ends_it(self, script, failing):
        answers = {"aws_ecr_batch__get__image": ["None", DIGEST], failing: None}
        done = script("image", "dev", **answers)
        assert done.returncode != 0
        assert done.stdout == ""


class TestCopy:
    def test_the_bytes_are_copied_and_the_digest_is_looked_at(self, script):
        done = script("copy", "prod", IMAGE, aws_ecr_batch__get__image=["None", DIGEST])
        assert (done.returncode, done.stdout) == (0, f"shop-prod-image holds {DIGEST}\n"), done.stderr
        to = f"{HOME}/shop-prod-image:{done.commit}"
        assert asked(done, "skopeo copy") == [f"skopeo copy --preserve-digests docker://{IMAGE} docker://{to}"]

    def test_what_is_there_is_not_copied_again(self, script):
        done = script("copy", "dev", IMAGE)
        assert done.returncode == 0
        assert asked(done, "skopeo") == []

    @pytest.mark.parametrize("found", [OTHER, ["None", OTHER], "None"])
    def test_another_digest_is_an_error(self, script, found):
        done = script("copy", "prod", IMAGE, aws_ecr_batch__get__image=found)
        assert done.returncode == 1
        assert "holds another image of this commit" in done.stderr


def test_up_gives_the_stack_the_digest_alone(script):
    done = script("up", "prod", IMAGE)
    assert done.returncode == 0
    (call,) = asked(done, "pulumi up")
    assert call.endswith(f"--stack prod --config imageDigest={DIGEST}")


class TestPreview:
    @pytest.mark.parametrize(("known", "digest"), [(DIGEST, DIGEST), (None, "")])
    def test_it_takes_the_digest_of_the_last_update_and_the_settings_of_the_change(self, script, known, digest):
        done = script("preview", "dev", pulumi_config_get=known)
        assert done.returncode == 0
        refreshed, _, previewed = (call for call, _ in done.calls)
        assert refreshed == "pulumi config refresh --force --non-interactive --stack dev"
        assert previewed.endswith(f"--stack dev --config imageDigest={digest}")
        assert (done.work / "infra/Pulumi.dev.yaml").read_text() == "config: {aws:region: eu-west-1}\n"

    def test_it_never_changes_anything(self, script):
        calls = script("preview", "dev").calls
        assert {call.split()[1] for call, _ in calls} == {"config", "preview"}


class TestVerify:
    @pytest.mark.parametrize(
        ("definition", "code"),
        [
            (f'{{"ImageUri": "x@{DIGEST}"}} {{"TrainingImage": "x@{DIGEST}"}}', 0),
            (f'{{"ImageUri": "x@{DIGEST}"}} {{"TrainingImage": "x@{OTHER}"}}', 1),
            (f'{{"ImageUri": "x@{OTHER}"}}', 1),
            ("{}", 1),
        ],
    )
    def test_both_pipelines_must_run_the_image(self, script, definition, code):
        done = script("verify", "prod", IMAGE, aws_sagemaker_describe__pipeline=definition)
        assert done.returncode == code, done.stderr
        assert asked(done, "aws sagemaker wait") == ["aws sagemaker wait endpoint-in-service --endpoint-name shop-prod"]

    def test_an_endpoint_that_does_not_come_up_is_an_error(self, script):
        done = script("verify", "prod", IMAGE, aws_sagemaker_wait=None)
        assert done.returncode != 0
        assert asked(done, "aws sagemaker describe-pipeline") == []


class TestRetrain:
    def test_the_controller_hears_who_and_why_as_data(self, script):
        why = 'a "new" $(touch canary) price\n'
        done = script("retrain", "dev", "octocat", why, aws_lambda_invoke="None")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"start": True}), done.stderr
        event = json.loads((done.fakes / "event.json").read_text())
        assert event == {"source": "octocat", "detail-type": why, "reason": "manual"}
        assert not (done.work / "canary").exists()
        assert asked(done, "aws lambda invoke --function-name shop-dev-controller ")

    def test_a_controller_that_fails_is_an_error(self, script):
        done = script("retrain", "dev", "octocat", "x", aws_lambda_invoke="Unhandled")
        assert done.returncode == 1
        assert "the controller of shop-dev failed" in done.stderr

"""The pipeline for Kubeflow: how dvc.yaml is read, what is compiled from it, what a step does, where it is written."""

from __future__ import annotations

import copy
import inspect
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from loopwright.cost.prices import prices
from loopwright.errors import LoopwrightError, TargetError, UsageError
from loopwright.kubeflow import steps
from loopwright.kubeflow.components import RUN_ARGUMENTS
from loopwright.kubeflow.export import MADE, export, write
from loopwright.kubeflow.resources import machines, resources
from loopwright.kubeflow.stages import read, stages

TEMPLATE = Path(__file__).parents[2] / "templates/tabular/{{cookiecutter.project}}"
IMAGE = "registry.example:5000/acme/shop@sha256:" + "a" * 64
DOCUMENT = yaml.safe_load((TEMPLATE / "dvc.yaml").read_text())


def edited(edit):
    document = copy.deepcopy(DOCUMENT)
    edit(document["stages"])
    return document


class TestReading:
    def test_data_flow_is_that_of_deps_and_outs(self):
        found = {stage.name: stage for stage in read(TEMPLATE)}
        assert list(found) == ["prepare", "probe", "train", "evaluate", "gates", "register"]
        assert {name: set(stage.needs) for name, stage in found.items()} == {
            "prepare": set(),
            "probe": {"prepare"},
            "train": {"prepare", "probe"},
            "evaluate": {"train", "prepare"},
            "gates": {"train", "prepare", "evaluate"},
            "register": {"train", "gates"},
        }
        assert {name for name, stage in found.items() if stage.reads_data} == {"prepare", "probe", "gates"}

    def test_what_dvc_keeps_is_not_cached_and_talks_to_the_server(self):
        found = read(TEMPLATE)
        assert {stage.name for stage in found if not stage.cached} == {"probe", "gates", "register"}
        assert {stage.name for stage in found if stage.tracks} == {"probe", "gates", "register"}

    def test_what_always_changes_is_not_cached(self):
        found = stages(edited(lambda s: s["evaluate"].update(always_changed=True)))
        assert not next(stage for stage in found if stage.name == "evaluate").cached

    def test_a_part_of_an_output_comes_from_its_maker(self):
        found = stages(edited(lambda s: s["register"].update(deps=["model/model.json", "reports/gates.json"])))
        assert found[-1].needs == ("train", "gates")
        assert not found[-1].reads_data

    def test_a_folder_that_holds_outputs_and_data_needs_both(self):
        found = stages(edited(lambda s: s["evaluate"].update(deps=["data", "model"])))
        evaluate = next(stage for stage in found if stage.name == "evaluate")
        assert set(evaluate.needs) == {"prepare", "train"}
        assert evaluate.reads_data

    @pytest.mark.parametrize(
        ("edit", "because"),
        [
            (lambda s: s["train"]["deps"].append("reports/metrics.json"), "the later stage evaluate makes"),
            (lambda s: s["train"]["deps"].append("model"), "which it makes itself"),
            (lambda s: s["train"]["deps"].append("scripts/odd.py"), "the image does not hold"),
            (lambda s: s["train"]["meta"].update(gpus=1), "meta.gpus"),
            (lambda s: s["train"]["meta"].update(kind="magic"), "meta.kind"),
            (lambda s: s["train"]["meta"].update(timeout_minutes=0), "meta.timeout_minutes"),
            (lambda s: s["train"]["meta"].update(instance_count=2), "one pod"),
            (lambda s: s["train"]["meta"].pop("instance_type"), "meta lacks instance_type"),
            (lambda s: s["train"].pop("meta"), "meta"),
            (lambda s: s["train"].update(wdir="elsewhere"), "wdir"),
            (lambda s: s.update(many={"foreach": [1], "do": {"cmd": "x"}}), "foreach"),
            (lambda s: s.update({"odd-name": s["evaluate"]}), "no step can be called 'odd-name'"),
            (lambda s: s.update(data=s["evaluate"]), "no step can be called 'data'"),
            (lambda s: s.update(figures=s["evaluate"]), "no step can be called 'figures'"),
            (lambda s: s.update({"import": s["evaluate"]}), "no step can be called 'import'"),
            (
                lambda s: s.update(
                    last=s["evaluate"] | {"deps": ["reports/registered.json"], "outs": [], "metrics": []}
                ),
                "only where",
            ),
            (lambda s: s.pop("gates"), "reads reports/gates.json"),
            (lambda s: s.pop("register"), "a model is registered when"),
            (lambda s: s["register"].update(deps=["model"]), "a model is registered when"),
        ],
    )
    def test_what_cannot_be_compiled_is_refused(self, edit, because):
        with pytest.raises(LoopwrightError) as refused:
            stages(edited(edit))
        assert because in refused.value.because
        assert refused.value.attempt

    @pytest.mark.parametrize("document", [None, [], {}, {"stages": {}}, {"stages": []}])
    def test_no_stages_are_refused(self, document):
        with pytest.raises(LoopwrightError, match="cannot be compiled"):
            stages(document)

    def test_templating_is_refused(self):
        with pytest.raises(LoopwrightError) as refused:
            stages({"vars": [{"a": 1}], **DOCUMENT})
        assert refused.value.because == "it holds vars"

    def test_a_folder_without_dvc_yaml_is_told(self, tmp_path):
        with pytest.raises(LoopwrightError, match=r"dvc\.yaml cannot be read"):
            read(tmp_path)


class TestResources:
    def test_a_pod_asks_for_less_than_the_machine_and_may_use_it_whole(self):
        asked = resources("train", "ml.m5.xlarge")
        assert (asked.cpu_request, asked.cpu_limit) == ("3200m", "4")
        assert (asked.memory_request, asked.memory_limit) == ("13107Mi", "16Gi")

    def test_an_unknown_type_is_told_with_its_neighbours(self):
        with pytest.raises(LoopwrightError) as refused:
            resources("train", "ml.m5.huge")
        assert "ml.m5.large" in refused.value.attempt
        assert "train" in refused.value.what

    def test_every_instance_that_has_a_price_is_known(self):
        families = prices().instances["families"]
        assert {f"{family}.{size}" for family, entry in families.items() for size in entry["sizes"]} <= set(machines())


@pytest.fixture(scope="module")
def text():
    return export(TEMPLATE, IMAGE).text


@pytest.fixture(scope="module")
def pipeline(text):
    return yaml.safe_load(text)


def tasks(pipeline):
    """Return every task by its name, in whatever branch it is."""
    dags = [pipeline["root"], *pipeline["components"].values()]
    return {name: task for dag in dags if "dag" in dag for name, task in dag["dag"]["tasks"].items()}


class TestCompiled:
    def test_the_same_stages_make_the_same_bytes(self, text):
        code = (
            "import sys; from pathlib import Path; from loopwright.kubeflow.export import export;"
            "sys.stdout.write(export(Path(sys.argv[1]), sys.argv[2]).text)"
        )
        for seed in ("1", "2"):
            command = [sys.executable, "-W", "error", "-c", code, str(TEMPLATE), IMAGE]
            done = subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
            assert done.stdout == text

    def test_the_head_says_how_it_was_made(self, text):
        assert text.startswith(MADE)
        assert f"loopwright export kubeflow --image {IMAGE}\n" in text

    def test_every_step_runs_in_the_one_image(self, pipeline):
        containers = [e["container"] for e in pipeline["deploymentSpec"]["executors"].values() if "container" in e]
        assert len(containers) == 8
        assert {container["image"] for container in containers} == {IMAGE}
        assert not any("pip install" in word for container in containers for word in container["command"])

    def test_a_run_is_told_where_the_data_and_the_server_are_and_what_it_may_be_told(self, pipeline):
        parameters = pipeline["root"]["inputDefinitions"]["parameters"]
        assert {name: entry.get("defaultValue") for name, entry in parameters.items()} == {
            "data_uri": None,
            "tracking_uri": None,
            "reason": "manual",
            "as_of": "",
            "since": "",
            "windows_days": "",
            "data_version": "",
        }
        assert {entry["parameterType"] for entry in parameters.values()} == {"STRING"}

    def test_what_depends_on_the_champion_is_never_cached(self, pipeline):
        cached = {name for name, task in tasks(pipeline).items() if task.get("cachingOptions", {}).get("enableCache")}
        assert cached == {"importer", "prepare", "train", "evaluate"}

    def test_what_is_cached_is_told_nothing_that_changes_nothing(self, pipeline):
        """A reason or an address in a cached step's inputs would make it run again for nothing."""
        for name in ("prepare", "train", "evaluate"):
            told = set(pipeline["components"][f"comp-{name}"]["inputDefinitions"].get("parameters", {}))
            assert not told & {"reason", "tracking_uri"}

    def test_prepare_is_cached_by_what_the_data_are(self, pipeline):
        """Kubeflow's own key holds the record of a place, and what lies there may have changed."""
        inputs = tasks(pipeline)["prepare"]["inputs"]["parameters"]
        assert inputs["data_sha256"]["taskOutputParameter"]["producerTask"] == "fingerprint"

    def test_steps_read_what_their_stages_read(self, pipeline):
        def read_by(name):
            artifacts = tasks(pipeline)[name]["inputs"]["artifacts"].values()
            made = (entry.get("taskOutputArtifact", {}).get("producerTask") for entry in artifacts)
            # What was made before the branch comes in as an artifact of the branch.
            given = (entry.get("componentInputArtifact", "") for entry in artifacts)
            return {*filter(None, made), *(name.split("--")[-1].removesuffix("-out") for name in given if name)}

        assert read_by("probe") == {"importer", "prepare"}
        assert read_by("train") == {"prepare", "probe"}
        assert read_by("evaluate") == {"train", "prepare"}
        assert read_by("gates") == {"importer-artifact", "train", "prepare", "evaluate"}

    def test_a_pod_is_as_large_as_the_stage_says(self, pipeline):
        executors = pipeline["deploymentSpec"]["executors"]
        train, register = (executors[f"exec-{name}"]["container"]["resources"] for name in ("train", "register"))
        assert train["resourceCpuRequest"] == "3200m"
        assert train["resourceMemoryLimit"] == "16Gi"
        assert register["resourceMemoryLimit"] == "1Gi"

    def test_a_model_is_registered_only_where_the_gates_say_so(self, pipeline):
        conditions = {}
        for task in (task for task in tasks(pipeline).values() if "triggerPolicy" in task):
            branch = pipeline["components"][task["componentRef"]["name"]]["dag"]["tasks"]
            conditions[tuple(branch)] = task["triggerPolicy"]["condition"]
        go, passed = (
            f"inputs.parameter_values['pipelinechannel--{name}-Output'] == 'true'" for name in ("probe", "gates")
        )
        inner, branches = next(names for names in conditions if "train" in names), "condition-branches-2"
        assert set(inner) == {"train", "evaluate", "gates", branches}
        assert conditions == {inner: go, ("register",): passed, ("refused",): f"!({passed})"}

    def test_without_a_probe_all_stages_run(self, tmp_path):
        without = edited(lambda found: (found.pop("probe"), found["train"]["deps"].remove("reports/probe.json")))
        (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(without, sort_keys=False))
        (tmp_path / "loop.yaml").write_text("project: shop\n")
        found = yaml.safe_load(export(tmp_path, IMAGE).text)
        assert {"train", "evaluate", "gates"} < set(found["root"]["dag"]["tasks"])

    def test_programs_hold_no_placeholder_of_kubeflow(self, pipeline):
        for executor in pipeline["deploymentSpec"]["executors"].values():
            if "container" in executor:
                assert "{{" not in executor["container"]["command"][-1]
                compile(executor["container"]["command"][-1], "step", "exec")

    def test_another_stage_runs_where_its_deps_put_it(self, tmp_path):
        def explain(found):
            made = {"outs": ["explained"], "metrics": ["a.json", "b.json"]}
            found["explain"] = copy.deepcopy(found["evaluate"]) | made

        (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(edited(explain), sort_keys=False))
        (tmp_path / "loop.yaml").write_text("project: shop\n")
        found = yaml.safe_load(export(tmp_path, IMAGE).text)
        assert tasks(found)["explain"]["dependentTasks"] == ["train"]
        assert "prepare" in str(tasks(found)["explain"]["inputs"]["artifacts"])

    def test_without_kfp_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "kfp", None)
        with pytest.raises(LoopwrightError) as refused:
            export(TEMPLATE, IMAGE)
        assert refused.value.attempt == "pip install 'loopwright[kubeflow]'"

    @pytest.mark.parametrize(
        "image",
        [
            "acme/shop",
            "acme/shop:latest",
            "acme/shop:1@sha256:" + "a" * 64,
            "acme/shop@sha256:" + "a" * 63,
            "acme/shop@sha256:" + "A" * 64,
            f"{IMAGE}\n",
            "@sha256:" + "a" * 64,
        ],
    )
    def test_an_image_without_a_digest_is_refused(self, image):
        with pytest.raises(UsageError, match="cannot be used"):
            export(TEMPLATE, image)

    @pytest.mark.parametrize("contract", [None, "", "- a\n", "target: x\n", ": :\n"])
    def test_a_project_without_a_name_is_told(self, tmp_path, contract):
        if contract is not None:
            (tmp_path / "loop.yaml").write_text(contract)
        with pytest.raises(LoopwrightError, match="does not say what the project is called"):
            export(tmp_path, IMAGE)


class TestCommand:
    def test_it_writes_beside_the_project_and_says_what(self, loopwright, tmp_path):
        for name in ("dvc.yaml", "loop.yaml"):
            (tmp_path / name).write_text((TEMPLATE / name).read_text())
        done = loopwright("export", "kubeflow", "--project", tmp_path, "--image", IMAGE, "--json")
        assert done.code == 0, done.stderr
        target = tmp_path / "kubeflow/pipeline.yaml"
        assert done.json["target"] == str(target)
        assert done.json["stages"] == ["prepare", "probe", "train", "evaluate", "gates", "register"]
        assert [path.name for path in target.parent.iterdir()] == ["pipeline.yaml"]
        before = target.read_bytes()
        assert loopwright("export", "kubeflow", "--project", tmp_path, "--image", IMAGE).code == 0
        assert target.read_bytes() == before

    def test_a_tag_is_a_wrong_call(self, loopwright, tmp_path):
        words = ("--project", TEMPLATE, "--image", "shop:1", "--out", tmp_path / "pipeline.yaml")
        done = loopwright("export", "kubeflow", *words)
        assert done.code == 2
        assert "try:" in done.stderr
        assert not list(tmp_path.iterdir())

    def test_a_file_of_somebody_else_stays(self, tmp_path):
        target = tmp_path / "pipeline.yaml"
        target.write_text("mine: true\n")
        with pytest.raises(TargetError, match="is taken"):
            write(target, f"{MADE}\n")
        assert target.read_text() == "mine: true\n"

    def test_a_folder_in_the_way_is_told(self, tmp_path):
        with pytest.raises(TargetError, match="is taken"):
            write(tmp_path, f"{MADE}\n")

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(TargetError, match="cannot be written"):
            write(tmp_path / "file/pipeline.yaml", f"{MADE}\n")


PROGRAM = """\
import sys, time
if "slow" in sys.argv:
    time.sleep(60)
sys.stderr.write("warning: odd\\nerror: the data breaks its contract\\n")
sys.exit("bad" in sys.argv)
"""


class TestSteps:
    @pytest.mark.parametrize("name", steps.__all__)
    def test_each_is_whole_in_itself(self, name):
        """It runs where this module is not."""
        assert not inspect.getclosurevars(getattr(steps, name)).globals

    @pytest.mark.parametrize("stage", RUN_ARGUMENTS)
    def test_what_a_stage_is_told_are_options_of_it(self, stage):
        text = (TEMPLATE / f"ml/{stage}.py").read_text()
        assert all(f'"{option}"' in text for option in RUN_ARGUMENTS[stage].values())

    @pytest.fixture
    def program(self, tmp_path, monkeypatch):
        """A program whose job does nothing, as a laptop names it."""
        (tmp_path / "ml").mkdir()
        (tmp_path / "ml/__main__.py").write_text(PROGRAM)
        monkeypatch.setenv("LOOP_PROGRAM", str(tmp_path))
        monkeypatch.setenv("LOOP_PYTHON", sys.executable)
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        return tmp_path

    def run(self, folder, *arguments, minutes=1, **more):
        return steps.run_job("train", list(arguments), sources={}, out=str(folder / "out"), minutes=minutes, **more)

    def test_a_job_that_ends_well_has_no_problem(self, program):
        assert self.run(program) == ""
        steps.must("")

    def test_a_job_that_fails_is_told_with_its_last_words(self, program, capfd):
        problem = self.run(program, "bad")
        assert problem == "the stage train failed with 1\nwarning: odd\nerror: the data breaks its contract"
        assert "warning: odd" in capfd.readouterr().err
        with pytest.raises(RuntimeError, match="breaks its contract"):
            steps.must(problem)

    def test_a_job_that_takes_too_long_is_ended(self, program):
        began = time.monotonic()
        assert "longer than the 0.005 minutes" in self.run(program, "slow", minutes=0.005)
        assert time.monotonic() - began < 20

    def test_the_image_has_a_command_of_its_own(self, program, monkeypatch):
        bin_folder = program / "bin"
        bin_folder.mkdir()
        command = bin_folder / "docker-entrypoint"
        command.write_text('#!/bin/sh\necho "$MLFLOW_TRACKING_URI $@" >&2\nexit 3\n')
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
        out = str(program / "out")
        problem = steps.run_job(
            "gates", ["--odd", "x y"], sources={"data": "/in"}, out=out, minutes=1, tracking_uri="http://flow"
        )
        said = f"http://flow job --source data=/in --out {out} gates --odd x y"
        assert problem == f"the stage gates failed with 3\n{said}"

    def test_no_server_is_told_before_anything_runs(self, program):
        assert "tracking_uri is empty" in self.run(program, tracking_uri="")

    @pytest.mark.parametrize(
        ("passed", "tracked", "problem", "answer"),
        [(True, True, "", "true"), (False, True, "the stage gates failed with 1", "false"), (False, True, "", "false")],
    )
    def test_gates_that_answer_decide(self, tmp_path, passed, tracked, problem, answer):
        self.judge(tmp_path, passed=passed, tracked=tracked)
        assert steps.verdict(problem, str(tmp_path)) == answer

    @pytest.mark.parametrize(
        ("passed", "tracked", "problem"),
        [(True, False, "no server"), (False, False, "no server"), ("false", True, ""), (None, True, "")],
    )
    def test_gates_that_cannot_be_relied_on_end_the_run(self, tmp_path, passed, tracked, problem):
        self.judge(tmp_path, passed=passed, tracked=tracked)
        with pytest.raises(RuntimeError, match=problem or "does not say"):
            steps.verdict(problem, str(tmp_path))

    @pytest.mark.parametrize(("go", "answer"), [(True, "true"), (False, "false")])
    def test_a_probe_decides(self, tmp_path, go, answer):
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports/probe.json").write_text(json.dumps({"go": go}))
        assert steps.worth_it(str(tmp_path)) == answer

    @pytest.mark.parametrize("said", [None, "{}", '{"go": "true"}'])
    def test_a_probe_that_does_not_say_ends_the_run(self, tmp_path, said):
        (tmp_path / "reports").mkdir()
        if said:
            (tmp_path / "reports/probe.json").write_text(said)
        with pytest.raises(RuntimeError, match="does not say whether to go on"):
            steps.worth_it(str(tmp_path))

    def test_gates_that_made_nothing_end_the_run(self, tmp_path):
        with pytest.raises(RuntimeError, match="no rows"):
            steps.verdict("no rows", str(tmp_path))

    def test_a_refusal_says_which_gate(self, tmp_path):
        self.judge(tmp_path, passed=False, tracked=True)
        assert steps.refusal(str(tmp_path)).endswith("metric: f1 0.1")

    def judge(self, folder, *, passed, tracked):
        (folder / "reports").mkdir()
        verdicts = [{"gate": "metric", "passed": passed is True, "note": "f1 0.1"}, {"gate": "x", "passed": True}]
        (folder / "reports/gates.json").write_text(json.dumps({"passed": passed, "gates": verdicts}))
        if tracked:
            (folder / "reports/run.json").write_text("{}")

    def test_figures_are_the_numbers_of_the_reports(self, tmp_path):
        report = '{"f1": 0.5, "deep": {"rows": 3, "yes": true, "name": "x", "list": [1], "odd": NaN}}'
        (tmp_path / "a.json").write_text(report)
        kept = tmp_path / "kept"
        assert steps.figures(str(tmp_path), ["a.json"], str(kept)) == {"f1": 0.5, "deep.rows": 3.0}
        assert json.loads(kept.read_text()) == {"f1": 0.5, "deep.rows": 3.0}
        assert steps.figures(str(tmp_path), ["a.json", "b.json"], str(kept)) == {"a.f1": 0.5, "a.deep.rows": 3.0}

    def test_data_are_known_by_names_and_bytes(self, tmp_path):
        (tmp_path / "a").write_text("x")
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/b").write_text("y")
        first = steps.content_sha256(str(tmp_path))
        assert re.fullmatch("[0-9a-f]{64}", first)
        (tmp_path / "deep/b").rename(tmp_path / "deep/c")
        second = steps.content_sha256(str(tmp_path))
        (tmp_path / "deep/c").write_text("z")
        assert len({first, second, steps.content_sha256(str(tmp_path))}) == 3

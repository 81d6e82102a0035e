"""A definition executed step by step, with a small program in place of the container."""

from __future__ import annotations

import json
import os
import socket
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from loopwright.errors import LoopwrightError
from loopwright.execution import layout, processes
from loopwright.execution.execute import execute
from loopwright.execution.objects import Objects
from loopwright.execution.processes import Container, Ended
from loopwright.execution.values import Scope

PROGRAM = """
import json, os, pathlib, sys, time
root = pathlib.Path(os.environ["OPT_ML"])
told, seen = sys.argv[1:], sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
training = (root / "input/config").is_dir()
config = root / ("input/config" if training else "config") / "resourceconfig.json"
host = json.loads(config.read_text())["current_host"]
out = root / ("model" if training else "processing/out")
print("on stdout"); print("on stderr", file=sys.stderr)
names = ("GREETING", "LOOP_ADDRESSES", "OMP_WAIT_POLICY")
found = {"told": told, "seen": seen, "host": host, "here": os.listdir(), **{n: os.environ.get(n) for n in names}}
(out / "found.json").write_text(json.dumps(found))
for word in told + [os.environ.get("DO_" + host.replace("-", "_"), "")]:
    if word == "--sleep":
        time.sleep(120)
    if word == "--say":
        said = root / ("output/failure" if training else "output/message")
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text("error: the data is stale")
    if word in ("--say", "--fail"):
        sys.exit(3)
"""
PLACE = "s3://made"


@pytest.fixture
def objects(tmp_path):
    made = Objects(tmp_path / "s3")
    made.path("s3://data/history").mkdir(parents=True)
    (made.path("s3://data/history") / "rows.csv").write_text("1,2")
    return made


@pytest.fixture
def start(tmp_path, objects):
    """Return what executes steps."""

    def run(*steps, name="one", declared=(), **arguments):
        definition = {"Parameters": list(declared), "Steps": list(steps)}
        given = {"parameters": {}, "command": [sys.executable, "-c", PROGRAM], "root": tmp_path} | arguments
        return execute(definition, name=name, **given)

    return run


def processing(name="prepare", *told, source="s3://data", **more):
    words = {"ContainerArguments": list(told)} if told else {}
    uri = {"Std:Join": {"On": "/", "Values": [PLACE, {"Get": "Execution.PipelineExecutionId"}, name]}}
    arguments = {
        "AppSpecification": {"ImageUri": "image", **words},
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
        "ProcessingInputs": [
            {"InputName": "data", "S3Input": {"S3Uri": source, "LocalPath": "/opt/ml/processing/in/data"}}
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out"}}]
        },
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}


def training(name="train", source="s3://data", instances=1, **more):
    channel = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": source}
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "HyperParameters": {"seed": 7},
        "InputDataConfig": [{"ChannelName": "prepare", "DataSource": {"S3DataSource": channel}, "InputMode": "File"}],
        "OutputDataConfig": {"S3OutputPath": f"{PLACE}/models/"},
        "ResourceConfig": {"InstanceCount": instances, "InstanceType": "ml.m5.xlarge"},
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments, **more}


def condition(*conditions, then=(), otherwise=(), name="verdict"):
    arguments = {"Conditions": list(conditions), "IfSteps": list(then), "ElseSteps": list(otherwise)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def fail(message, name="refused"):
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def equals(left, right):
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def out(name):
    return {"Get": f"Steps.{name}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


@contextmanager
def refused(told):
    with pytest.raises(LoopwrightError) as caught:
        yield caught
    assert told in caught.value.format_message()


def ended(execution):
    return [(outcome.name, outcome.status) for outcome in execution.outcomes]


def found(folder, path="processing/out"):
    return json.loads((folder / "ml" / path / "found.json").read_text())


class TestValues:
    scope = Scope(
        parameters={"Name": "shop", "Count": 2, "Empty": ""},
        execution={"PipelineExecutionId": "abc"},
        properties={"train": {"Artifacts": {"Uri": "s3://m"}, "List": [{"a": 1}], "Outputs": {"out.x": {"Uri": "u"}}}},
    )

    @pytest.mark.parametrize(
        ("given", "value"),
        [
            ("text", "text"),
            (7, 7),
            (None, None),
            ([{"Get": "Parameters.Count"}, "x"], [2, "x"]),
            ({"Get": "Parameters.Empty"}, ""),
            ({"Get": "Execution.PipelineExecutionId"}, "abc"),
            ({"Get": "Steps.train.Artifacts.Uri"}, "s3://m"),
            ({"Get": "Steps.train.List[0].a"}, 1),
            ({"Get": "Steps.train.Outputs['out.x'].Uri"}, "u"),
            ({"a": {"Get": "Parameters.Name"}, "b": {"c": 1}}, {"a": "shop", "b": {"c": 1}}),
            ({"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.Count"}, True, None]}}, "a/2/true/null"),
            ({}, {}),
            ({"one": "key"}, {"one": "key"}),
        ],
    )
    def test_an_expression_stands_for_what_it_names(self, given, value):
        assert self.scope.value(given) == value

    @pytest.mark.parametrize(
        ("given", "because"),
        [
            ({"Get": "Parameters.Missing"}, "there is no such parameter"),
            ({"Get": "Execution.Missing"}, "there is no such execution"),
            ({"Get": "Steps.later.Uri"}, "no step of that name has ended"),
            ({"Get": "Other.thing"}, "no step of that name has ended"),
            ({"Get": "Steps.train.Artifacts.Nothing"}, "there is no Nothing"),
            ({"Get": "Steps.train.List[4]"}, "there is no 4"),
            ({"Get": "Steps.train.Artifacts.Uri.more"}, "there is no more"),
            ({"Std:Other": {}}, "it is not known here"),
            ({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.train.PropertyFiles.F"}, "Path": "a"}}, "made that file"),
        ],
    )
    def test_one_that_names_nothing_is_refused(self, given, because):
        with refused(because):
            self.scope.value(given)

    def test_a_property_file_is_read(self, tmp_path):
        (tmp_path / "gates.json").write_text('{"passed": true, "deep": [{"why": "x"}]}')
        scope = Scope(parameters={}, execution={}, files={("gates", "Gates"): tmp_path / "gates.json"})

        def read(path):
            return scope.value(
                {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.gates.PropertyFiles.Gates"}, "Path": path}}
            )

        assert read("passed") is True
        assert read("deep[0].why") == "x"
        with refused("there is no nothing"):
            read("nothing")


class TestObjects:
    def test_a_prefix_is_a_folder_and_an_object_a_file(self, objects, tmp_path):
        objects.fetch("s3://data", tmp_path / "all")
        objects.fetch("s3://data/history/rows.csv", tmp_path / "file")
        assert (tmp_path / "all/history/rows.csv").read_text() == "1,2"
        assert (tmp_path / "file/rows.csv").read_text() == "1,2"

    def test_what_is_stored_is_found_again(self, objects, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out/a").write_text("a")
        objects.store(tmp_path / "out", "s3://made/run/")
        objects.store(tmp_path / "out/a", "s3://made/deep/er/b")
        assert objects.path("s3://made/run/a").read_text() == "a"
        assert objects.path("s3://made/deep/er/b").read_text() == "a"

    def test_a_place_that_is_none(self, objects):
        with refused("'/data' is no place in S3"):
            objects.path("/data")

    @pytest.mark.parametrize("uri", ["s3://data/missing", "s3://empty"])
    def test_an_input_has_to_hold_something(self, objects, tmp_path, uri):
        objects.path("s3://empty").mkdir(parents=True)
        with refused(f"there is no object at {uri}"):
            objects.fetch(uri, tmp_path / "in")


class TestJobs:
    def test_a_processing_job_finds_sagemakers_folders(self, start, objects, tmp_path):
        step = processing("prepare", "prepare", "--since", "")
        step["Arguments"]["Environment"] = {"GREETING": "hello"}
        run = start(step, environment={"GREETING": "overruled"})
        assert run.status == "Succeeded"
        assert run.reason == ""
        seen = found(tmp_path / "jobs/one/prepare")
        assert seen == {
            "told": ["prepare", "--since", ""],
            "seen": [
                "config/processingjobconfig.json",
                "config/resourceconfig.json",
                "processing/in/data/history/rows.csv",
            ],
            "host": "algo-1",
            "here": [],
            "GREETING": "hello",
            "LOOP_ADDRESSES": None,
            "OMP_WAIT_POLICY": None,
        }
        assert json.loads(objects.path(f"{PLACE}/one/prepare/found.json").read_text()) == seen
        assert sorted((tmp_path / "jobs/one/prepare/log.txt").read_text().split("\n")) == ["", "on stderr", "on stdout"]

    def test_a_training_job_finds_sagemakers_folders(self, start, objects, tmp_path):
        run = start(training())
        home = tmp_path / "jobs/one/train"
        seen = found(home, "model")
        assert seen["told"] == ["train"]
        assert seen["seen"] == [
            "input/config/hyperparameters.json",
            "input/config/inputdataconfig.json",
            "input/config/resourceconfig.json",
            "input/data/prepare/history/rows.csv",
        ]
        config = home / "ml/input/config"
        assert json.loads((config / "hyperparameters.json").read_text()) == {"seed": "7"}
        assert json.loads((config / "inputdataconfig.json").read_text())["prepare"]["TrainingInputMode"] == "File"
        uri = run.scope.properties["train"]["ModelArtifacts"]["S3ModelArtifacts"]
        assert uri == f"{PLACE}/models/pipelines-one-train/output/model.tar.gz"
        with tarfile.open(objects.path(uri)) as archive:
            assert archive.getnames() == ["found.json"]

    def test_a_training_container_may_be_told_something_else(self, start, tmp_path):
        step = training()
        step["Arguments"]["AlgorithmSpecification"]["ContainerArguments"] = ["fit", "--now"]
        start(step)
        assert found(tmp_path / "jobs/one/train", "model")["told"] == ["fit", "--now"]

    def test_a_processing_container_that_is_told_nothing_is_told_nothing(self, start, tmp_path):
        start(processing())
        assert found(tmp_path / "jobs/one/prepare")["told"] == []

    @pytest.mark.parametrize(("word", "reason"), [("--say", "error: the data is stale"), ("--fail", "exit code 3")])
    @pytest.mark.parametrize("make", [processing, training])
    def test_one_that_fails_ends_the_run_with_its_reason(self, start, make, word, reason):
        step = make()
        key = "AppSpecification" if make is processing else "AlgorithmSpecification"
        step["Arguments"][key]["ContainerArguments"] = [word]
        run = start(step, processing("after", source=PLACE))
        assert (run.status, run.reason) == ("Failed", reason)
        assert ended(run) == [(step["Name"], "Failed")]
        assert run.scope.properties == {}

    def test_a_missing_input_fails_the_job_before_it_starts(self, start, tmp_path):
        run = start(processing(source="s3://data/missing"))
        assert run.reason == "there is no object at s3://data/missing: an input of a job has to hold something"
        assert not (tmp_path / "jobs/one/prepare/log.txt").exists()

    def test_one_that_runs_too_long_is_stopped_with_all_it_started(self, start, tmp_path):
        step = processing("prepare", "--sleep")
        step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 2}
        began = time.monotonic()
        run = start(step)
        assert run.reason == "MaxRuntimeExceeded: it ran for more than 2 seconds"
        assert time.monotonic() - began < 60


class TestHosts:
    def test_each_host_has_folders_of_its_own_and_the_model_is_the_firsts(self, start, objects, tmp_path):
        run = start(training(instances=2))
        assert run.status == "Succeeded"
        homes = {"algo-1": tmp_path / "jobs/one/train", "algo-2": tmp_path / "jobs/one/train/algo-2"}
        for host, home in homes.items():
            seen = found(home, "model")
            assert (seen["host"], seen["here"]) == (host, [])
            assert "input/data/prepare/history/rows.csv" in seen["seen"]
            resources = json.loads((home / "ml/input/config/resourceconfig.json").read_text())
            assert resources["current_host"] == host
            assert resources["hosts"] == resources["instance_groups"][0]["hosts"] == ["algo-1", "algo-2"]
            assert resources["current_instance_type"] == "ml.m5.xlarge"
            assert seen["OMP_WAIT_POLICY"] == "passive"
        told = [found(home, "model")["LOOP_ADDRESSES"] for home in homes.values()]
        assert told[0] == told[1]
        entries = [entry.partition("=127.0.0.1:") for entry in told[0].split(",")]
        assert [name for name, _, _ in entries] == ["algo-1", "algo-2"]
        assert len({port for _, _, port in entries}) == 2
        uri = run.scope.properties["train"]["ModelArtifacts"]["S3ModelArtifacts"]
        with tarfile.open(objects.path(uri)) as archive:
            assert json.load(archive.extractfile("found.json"))["host"] == "algo-1"

    @pytest.mark.parametrize("host", ["algo_1", "algo_2"])
    @pytest.mark.parametrize(("word", "reason"), [("--say", "error: the data is stale"), ("--fail", "exit code 3")])
    def test_whichever_fails_the_job_does_with_its_reason(self, start, host, word, reason):
        step = training(instances=2)
        step["Arguments"]["Environment"] = {f"DO_{host}": word}
        run = start(step)
        assert (run.status, run.reason) == ("Failed", reason)

    def test_who_goes_on_after_another_failed_is_stopped(self, start, monkeypatch):
        monkeypatch.setattr(processes, "GRACE", 0.5)
        step = training(instances=2)
        step["Arguments"]["Environment"] = {"DO_algo_1": "--sleep", "DO_algo_2": "--say"}
        began = time.monotonic()
        run = start(step)
        assert run.reason == "error: the data is stale"
        assert time.monotonic() - began < 60

    def test_a_processing_job_on_several_is_refused(self, start):
        step = processing()
        step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2
        with refused("prepare cannot be executed") as caught:
            start(step)
        assert caught.value.because.startswith("it is a processing job on 2 instances")
        assert "docs/scale.md" in caught.value.attempt

    def test_the_names_stand_in_sagemakers_order(self):
        assert layout.hosts(3) == ["algo-1", "algo-2", "algo-3"]
        assert layout.hosts(11)[:3] == ["algo-1", "algo-10", "algo-11"]


class TestProcesses:
    @staticmethod
    def container(folder, code):
        return Container(
            command=[sys.executable, "-c", code],
            folder=folder,
            environment=dict(os.environ),
            log=folder / f"{len(code)}",
        )

    def test_all_end_well(self, tmp_path):
        assert processes.run([self.container(tmp_path, "print(1)"), self.container(tmp_path, "print(22)")]) == Ended()
        assert (tmp_path / "8").read_text() == "1\n"

    def test_the_first_that_failed_counts(self, tmp_path):
        slow, quick = "import time; time.sleep(2); exit(1)", "exit(4)"
        made = processes.run([self.container(tmp_path, slow), self.container(tmp_path, quick)])
        assert made == Ended(failed=1, code=4)

    def test_nothing_that_it_started_is_left(self, tmp_path):
        grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os, time; "
        grandchild += 'open("pid", "w").write(str(os.getpid())); os.rename("pid", "there"); time.sleep(120)\'])'
        made = processes.run([self.container(tmp_path, grandchild)], within=4)
        assert made == Ended(overdue=True)
        pid = int((tmp_path / "there").read_text())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and alive(pid):
            time.sleep(0.05)
        assert not alive(pid)

    def test_addresses_are_free_with_the_two_that_follow(self):
        made = [int(entry.rpartition(":")[2]) for entry in processes.addresses(["a", "b", "c"]).split(",")]
        wanted = sorted(port + following for port in made for following in range(3))
        assert len(set(wanted)) == 9
        for port in wanted:
            socket.create_server(("127.0.0.1", port)).close()


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


class TestOrder:
    def test_steps_wait_for_what_they_read_and_for_what_they_are_told_to(self, start):
        run = start(
            processing("last", source=out("middle")),
            processing("middle", source="s3://data", DependsOn=["first"]),
            processing("first"),
        )
        assert ended(run) == [(name, "Succeeded") for name in ("first", "middle", "last")]

    def test_steps_that_wait_for_each_other(self, start):
        with refused("one, two wait for each other"):
            start(processing("one", DependsOn=["two"]), processing("two", DependsOn=["one"]))

    def test_a_type_that_is_not_known(self, start):
        with refused("Tuning is not known here"):
            start({"Name": "tune", "Type": "Tuning", "Arguments": {}})

    def test_parameters_have_their_defaults_unless_given(self, start, tmp_path):
        declared = [
            {"Name": "Where", "DefaultValue": "s3://data"},
            {"Name": "Word"},
            {"Name": "Other", "DefaultValue": "x"},
        ]
        words = [{"Get": f"Parameters.{name}"} for name in ("Word", "Other")]
        step = processing("prepare", *words, source={"Get": "Parameters.Where"})
        assert start(step, declared=declared, parameters={"Word": "", "Other": "y"}).status == "Succeeded"
        assert found(tmp_path / "jobs/one/prepare")["told"] == ["", "y"]

    @pytest.mark.parametrize(
        ("given", "because"),
        [
            ({"Word": "x", "Wrod": "y", "Also": "z"}, "it has no Also, Wrod"),
            ({}, "Word has no default"),
        ],
    )
    def test_parameters_that_are_unknown_or_missing(self, tmp_path, given, because):
        definition = {"Parameters": [{"Name": "Word"}, {"Name": "Where", "DefaultValue": ""}], "Steps": []}
        with refused("cannot be started") as caught:
            execute(definition, parameters=given, command=[], root=tmp_path, name="x")
        assert caught.value.because == because


class TestConditions:
    @pytest.mark.parametrize(
        ("asked", "holds"),
        [
            (equals(1, 1), True),
            (equals(True, False), False),
            ({"Type": "GreaterThan", "LeftValue": 2, "RightValue": 1}, True),
            ({"Type": "GreaterThan", "LeftValue": 1, "RightValue": 1}, False),
            ({"Type": "GreaterThanOrEqualTo", "LeftValue": 1, "RightValue": 1}, True),
            ({"Type": "LessThan", "LeftValue": 1, "RightValue": 1}, False),
            ({"Type": "LessThanOrEqualTo", "LeftValue": 1, "RightValue": 1}, True),
            ({"Type": "In", "QueryValue": "a", "Values": ["b", "a"]}, True),
            ({"Type": "In", "QueryValue": "c", "Values": ["b", "a"]}, False),
            ({"Type": "Not", "Expression": equals(1, 2)}, True),
            ({"Type": "Or", "Conditions": [equals(1, 2), equals(3, 3)]}, True),
            ({"Type": "Or", "Conditions": [equals(1, 2), equals(3, 4)]}, False),
        ],
    )
    def test_what_holds(self, start, asked, holds):
        run = start(condition(asked, otherwise=[fail("no")]))
        assert run.status == ("Succeeded" if holds else "Failed")
        assert run.scope.properties["verdict"] == {"Outcome": "true" if holds else "false"}

    def test_all_of_them_have_to(self, start):
        assert start(condition(equals(1, 1), equals(1, 2), otherwise=[fail("no")])).status == "Failed"

    def test_one_that_is_not_known(self, start):
        with refused("Like is no condition"):
            start(condition({"Type": "Like", "LeftValue": 1, "RightValue": 1}))

    def test_a_branch_is_taken_and_the_other_is_not(self, start):
        run = start(condition(equals("a", "a"), then=[processing("yes")], otherwise=[processing("no")]))
        assert ended(run) == [("verdict", "Succeeded"), ("yes", "Succeeded")]

    @pytest.mark.parametrize(
        ("answer", "ran"),
        [("yes", ["worth-it", "train", "gates", "verdict", "register"]), ("no", ["worth-it"])],
    )
    def test_what_waits_for_a_step_of_the_other_branch_never_runs_and_the_run_ends_well(self, start, answer, ran):
        job = {"Get": "Steps.gates.ProcessingResources.ClusterConfig.InstanceType"}
        verdict = condition(equals(job, "ml.m5.large"), then=[processing("register", source=out("train"))])
        inner = [processing("gates", source=out("train")), processing("train")]
        run = start(
            processing("late", source=out("gates")),
            verdict,
            condition(equals(answer, "yes"), then=inner, name="worth-it"),
        )
        names = [name for name, _ in ended(run) if name != "late"]
        assert sorted(names) == sorted(ran)
        assert run.status == "Succeeded"
        assert ("late" in [name for name, _ in ended(run)]) is (answer == "yes")

    def test_a_failure_says_why_and_nothing_starts_after_it(self, start):
        message = {"Std:Join": {"On": ": ", "Values": ["refused", {"Get": "Execution.PipelineName"}]}}
        run = start(condition(equals(1, 1), then=[fail(message), processing("never")]), processing("nor-this"))
        assert (run.status, run.reason) == ("Failed", "refused: local")
        assert ended(run) == [("verdict", "Succeeded"), ("refused", "Failed")]

    def test_what_a_job_wrote_decides(self, start):
        file = {"PropertyFileName": "Found", "OutputName": "out", "FilePath": "found.json"}
        host = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.gates.PropertyFiles.Found"}, "Path": "host"}}
        run = start(
            condition(equals(host, "algo-1"), then=[fail("it was read")]), processing("gates", PropertyFiles=[file])
        )
        assert run.reason == "it was read"
        assert ended(run)[0] == ("gates", "Succeeded")


class TestRegister:
    def test_a_package_is_kept_as_it_was_asked_for(self, start):
        step = {
            "Name": "register",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": "shop",
                "Url": {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"},
            },
        }
        run = start(step, training())
        (package,) = run.packages
        assert package["Url"].endswith("/model.tar.gz")
        assert run.scope.properties["register"]["ModelPackageVersion"] == 1
        assert ended(run) == [("train", "Succeeded"), ("register", "Succeeded")]


class TestCache:
    ON = {"CacheConfig": {"Enabled": True}}  # noqa: RUF012 - a constant of this test

    def test_the_same_step_is_answered_from_it(self, start, objects):
        cache = {}
        first = start(processing(**self.ON), training(source=out("prepare"), **self.ON), cache=cache)
        second = start(processing(**self.ON), training(source=out("prepare"), **self.ON), cache=cache, name="two")
        assert ended(second) == [("prepare", "Cached"), ("train", "Cached")]
        assert second.scope.properties == first.scope.properties
        assert not objects.path(f"{PLACE}/two").exists()

    @pytest.mark.parametrize(
        "change",
        [
            lambda step: step.update(Name="other"),
            lambda step: step["Arguments"]["AppSpecification"].update(ImageUri="other"),
            lambda step: step["Arguments"]["AppSpecification"].update(ContainerArguments=["other"]),
            lambda step: step["Arguments"].update(Environment={"GREETING": "other"}),
            lambda step: step["Arguments"]["ProcessingInputs"][0]["S3Input"].update(S3Uri="s3://data/history"),
            lambda step: step.pop("CacheConfig"),
        ],
    )
    def test_another_one_is_not(self, start, change):
        cache = {}
        start(processing(**self.ON), cache=cache)
        step = processing(**self.ON)
        change(step)
        assert ended(start(step, cache=cache, name="two")) == [(step["Name"], "Succeeded")]

    def test_where_results_go_and_what_machine_it_is_do_not_count(self, start):
        cache = {}
        start(training(**self.ON), cache=cache)
        step = training(**self.ON)
        step["Arguments"]["OutputDataConfig"] = {"S3OutputPath": "s3://elsewhere"}
        step["Arguments"]["ResourceConfig"]["InstanceType"] = "ml.m5.24xlarge"
        assert ended(start(step, cache=cache, name="two")) == [("train", "Cached")]

    def test_what_failed_is_not_kept(self, start):
        cache = {}
        start(processing("prepare", "--fail", **self.ON), cache=cache)
        assert cache == {}

    def test_property_files_come_with_it(self, start):
        file = {"PropertyFileName": "Found", "OutputName": "out", "FilePath": "found.json"}
        host = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.gates.PropertyFiles.Found"}, "Path": "host"}}
        cache, steps = {}, [processing("gates", PropertyFiles=[file], **self.ON), condition(equals(host, "algo-1"))]
        start(*steps, cache=cache)
        assert ended(start(*steps, cache=cache, name="two")) == [("gates", "Cached"), ("verdict", "Succeeded")]

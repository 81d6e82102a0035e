"""Pipeline executions: tokens, statuses, events."""

from __future__ import annotations

import json
from string import Template

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st
from servings import ACCOUNT, ARN, REGION, START, Account, minutes

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.executions import Executions
from loopwright.wiring import samples

PIPELINE = "Churn-Dev-Training"
STOPPING = minutes(2)
SEEN = ["PipelineExecutionStatus", "LastModifiedTime"]


def token(number):
    return f"{number:032}"


class Yard(Account):
    """A runner beside the executions: it ends each an hour later, or never."""

    def __init__(self, outcome="Succeeded", reason=None):
        super().__init__()
        self.begun, self.outcome, self.reason = [], outcome, reason
        pipelines = {PIPELINE: {"Reason": None, "WindowsDays": "30"}, "monitor": {}}
        self.executions = Executions(self.source, pipelines, self.run, stopping=STOPPING)

    def run(self, execution):
        self.begun.append((self.clock.now, execution))
        if self.outcome:
            self.clock.after(minutes(60), lambda: self.executions.end(execution.arn, self.outcome, self.reason))

    def start(self, number=1, pipeline=PIPELINE, **more):
        parameters = [{"Name": "Reason", "Value": "drift"}] if pipeline != "monitor" else []
        asked = {"PipelineName": pipeline, "ClientRequestToken": token(number), "PipelineParameters": parameters}
        return self.executions.start_pipeline_execution(**asked | more)["PipelineExecutionArn"]

    def stop(self, arn, number=1):
        self.executions.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token(number))

    def found(self, arn):
        return self.executions.describe_pipeline_execution(PipelineExecutionArn=arn)

    def status(self, arn):
        return self.found(arn)["PipelineExecutionStatus"]

    def listed(self, **asked):
        asked = {"PipelineName": PIPELINE, "SortOrder": "Descending", "MaxResults": 100, **asked}
        return self.executions.list_pipeline_executions(**asked)


@pytest.fixture
def yard():
    return Yard()


def code(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_an_execution_runs_after_the_answer_with_all_parameters_and_ends_as_its_runner_says(yard):
    arn = yard.start(PipelineExecutionDisplayName="drift-2026-03-10")
    assert yard.begun == []
    assert yard.status(arn) == "Executing"
    yard.later(minutes(59))
    ((at, execution),) = yard.begun
    assert (at, execution.arn) == (START, arn)
    assert execution.parameters == {"Reason": "drift", "WindowsDays": "30"}
    assert yard.status(arn) == "Executing"
    yard.later(minutes(1))
    assert yard.found(arn) == {
        "PipelineArn": f"{ARN}:pipeline/churn-dev-training",
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": "drift-2026-03-10",
        "PipelineExecutionStatus": "Succeeded",
        "CreationTime": START,
        "LastModifiedTime": START + minutes(60),
    }
    assert arn.startswith(f"{ARN}:pipeline/churn-dev-training/execution/")


def test_a_failure_has_its_reason_as_long_as_it_may_be():
    yard = Yard("Failed", "x" * 2000)
    arn = yard.start()
    yard.later(minutes(60))
    assert (yard.status(arn), len(yard.found(arn)["FailureReason"])) == ("Failed", 1300)


def test_the_same_token_with_the_same_request_is_the_same_execution_for_ever(yard):
    arn = yard.start()
    yard.later(minutes(600))
    assert yard.start() == arn
    yard.later(minutes(600))
    assert len(yard.begun) == 1
    assert yard.start(2) != arn


def test_the_same_token_with_another_request_is_a_conflict(yard):
    yard.start()
    assert code(lambda: yard.start(PipelineExecutionDisplayName="other")) == "ConflictException"
    yard.later(minutes(1))
    assert len(yard.begun) == 1


def test_a_token_counts_for_its_pipeline(yard):
    assert "monitor" in yard.start(pipeline="monitor")
    assert "monitor" not in yard.start()


@pytest.mark.parametrize("words", ["x" * 31, "x" * 129])
def test_a_token_has_the_documented_length(yard, words):
    with pytest.raises((ClientError, ParamValidationError)):
        yard.start(ClientRequestToken=words)


def test_what_is_not_there_is_not_found(yard):
    gone = f"{ARN}:pipeline/gone/execution/0"
    for call in (
        lambda: yard.start(pipeline="gone"),
        lambda: yard.listed(PipelineName="gone"),
        lambda: yard.found(gone),
        lambda: yard.stop(gone),
    ):
        assert code(call) == "ResourceNotFound"


@pytest.mark.parametrize("parameters", [[], [{"Name": "Reason", "Value": "x"}, {"Name": "Odd", "Value": "x"}]])
def test_parameters_that_do_not_fit_the_pipeline_are_unknown_and_start_nothing(yard, parameters):
    with pytest.raises(UnknownError):
        yard.start(PipelineParameters=parameters)
    assert yard.listed()["PipelineExecutionSummaries"] == []
    yard.start()


def test_lists_are_of_one_pipeline_by_creation():
    yard = Yard("Failed", "broken")
    yard.start(pipeline="monitor")
    arns = []
    for number in range(3):
        arns.append(yard.start(number, PipelineExecutionDisplayName=f"n{number}"))
        yard.later(minutes(50))
    found = yard.listed(PipelineName=f"{ARN}:pipeline/churn-dev-training")["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionArn"] for each in found] == arns[::-1]
    assert found[0] == {
        "PipelineExecutionArn": arns[2],
        "StartTime": START + minutes(100),
        "PipelineExecutionStatus": "Executing",
        "PipelineExecutionDisplayName": "n2",
    }
    assert found[2]["PipelineExecutionFailureReason"] == "broken"
    page = yard.listed(MaxResults=2, SortOrder="Ascending")
    assert [each["PipelineExecutionDisplayName"] for each in page["PipelineExecutionSummaries"]] == ["n0", "n1"]
    rest = yard.listed(MaxResults=2, SortOrder="Ascending", NextToken=page["NextToken"])
    assert [each["PipelineExecutionDisplayName"] for each in rest["PipelineExecutionSummaries"]] == ["n2"]


def test_a_stopped_execution_stops_a_while_later_and_its_end_comes_too_late(yard):
    arn = yard.start()
    yard.later(minutes(10))
    yard.stop(arn)
    yard.stop(arn)  # the same token: it is the same request
    assert yard.status(arn) == "Stopping"
    yard.later(STOPPING)
    assert yard.status(arn) == "Stopped"
    yard.later(minutes(600))
    assert [yard.found(arn)[key] for key in SEEN] == ["Stopped", START + minutes(10) + STOPPING]


@pytest.mark.parametrize(("outcome", "status"), [("Succeeded", "Stopped"), ("Failed", "Failed")])
def test_what_ends_while_it_is_stopped_is_stopped_unless_it_failed(outcome, status):
    yard = Yard(outcome)
    arn = yard.start()
    yard.later(minutes(59))
    yard.stop(arn)
    yard.later(minutes(1))
    assert yard.status(arn) == status
    yard.later(minutes(600))
    assert [yard.found(arn)[key] for key in SEEN] == [status, START + minutes(60)]


def test_stopping_what_is_over_or_stops_already_is_unknown(yard):
    arn = yard.start()
    yard.stop(arn, 1)
    for span in (minutes(0), minutes(10)):
        yard.later(span)
        with pytest.raises(UnknownError, match="Stop"):
            yard.stop(arn, 2)


def test_a_runner_ends_an_execution_in_a_documented_way():
    yard = Yard(None)
    arn = yard.start()
    yard.later(minutes(60_000))
    assert yard.status(arn) == "Executing"
    with pytest.raises(ValueError, match="Done"):
        yard.executions.end(arn, "Done")


def test_events_are_shaped_as_documented(yard):
    arn = yard.start(PipelineExecutionDisplayName="drift-2026-10-02")
    yard.later(minutes(60))
    text = Template((samples.EVENTS / "pipeline_execution.json").read_text())
    name = PIPELINE.lower()
    sample = json.loads(text.substitute(account=ACCOUNT, region=REGION, name=name, state="Succeeded"))
    event = yard.events[-1]
    assert event.keys() == sample.keys()
    assert (event["source"], event["detail-type"]) == (sample["source"], sample["detail-type"])
    assert event["resources"] == [f"{ARN}:pipeline/{name}", arn]
    sample["detail"] |= {
        "executionStartTime": "2026-03-10T09:30:00Z",
        "executionEndTime": "2026-03-10T10:30:00Z",
        "pipelineExecutionArn": arn,
    }
    assert event["detail"] == sample["detail"]


def test_each_status_is_told_once_with_the_one_before(yard):
    arn = yard.start()
    yard.stop(arn)
    yard.later(minutes(600))
    names = ("previousPipelineExecutionStatus", "currentPipelineExecutionStatus")
    told = [tuple(each["detail"].get(name) for name in names) for each in yard.events]
    assert told == [(None, "Executing"), ("Executing", "Stopping"), ("Stopping", "Stopped")]
    assert ["executionEndTime" in each["detail"] for each in yard.events] == [False, False, True]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"]), st.integers(0, 100)), max_size=12))
def test_a_token_never_starts_two(asked):
    yard, first = Yard(), {}
    for number, name, wait in asked:
        if first.setdefault(number, name) == name:
            yard.start(number, PipelineExecutionDisplayName=name)
        else:
            assert code(lambda n=number, d=name: yard.start(n, PipelineExecutionDisplayName=d)) == "ConflictException"
        yard.later(minutes(wait))
    assert len(yard.begun) == len(first) == len(yard.listed()["PipelineExecutionSummaries"])
    assert len({execution.arn for _, execution in yard.begun}) == len(first)

"""Model package groups and their versions."""

from __future__ import annotations

import json
from string import Template

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st
from servings import ACCOUNT, ARN, REGION, START, Account, minutes

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.registry import Registry
from loopwright.wiring import samples

GROUP, DIGEST = "churn-dev-models", "sha256:" + "0" * 64
SPECIFICATION = {
    "Containers": [{"Image": "x@sha256:0", "ModelDataUrl": "s3://a/1", "ImageDigest": DIGEST}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


class Book(Account):
    def __init__(self):
        super().__init__()
        self.registry = Registry(self.source)
        self.registry.create_model_package_group(ModelPackageGroupName=GROUP)

    def register(self, group=GROUP, **more):
        asked = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION}
        return self.registry.create_model_package(**asked | more)["ModelPackageArn"]

    def package(self, arn):
        return self.registry.describe_model_package(ModelPackageName=arn)

    def update(self, arn, **change):
        return self.registry.update_model_package(ModelPackageArn=arn, **change)

    def marks(self, arn):
        return self.package(arn).get("CustomerMetadataProperties")

    def versions(self, **asked):
        asked = {"ModelPackageGroupName": GROUP, "MaxResults": 100, **asked}
        found = self.registry.list_model_packages(**asked)
        return [each["ModelPackageVersion"] for each in found["ModelPackageSummaryList"]]


@pytest.fixture
def book():
    return Book()


def code(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_the_versions_of_each_group_count_from_one(book):
    book.registry.create_model_package_group(ModelPackageGroupName="other")
    assert [book.register(), book.register(), book.register("other")] == [
        f"{ARN}:model-package/{GROUP}/1",
        f"{ARN}:model-package/{GROUP}/2",
        f"{ARN}:model-package/other/1",
    ]
    assert book.register(f"{ARN}:model-package-group/{GROUP}").endswith("/3")


def test_a_version_is_described_as_it_was_registered(book):
    arn = book.register(CustomerMetadataProperties={"artefact_sha256": "ab"})
    assert book.package(arn) == {
        "ModelPackageName": GROUP,
        "ModelPackageGroupName": GROUP,
        "ModelPackageVersion": 1,
        "ModelPackageArn": arn,
        "CreationTime": START,
        "InferenceSpecification": SPECIFICATION,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "PendingManualApproval",
        "CustomerMetadataProperties": {"artefact_sha256": "ab"},
    }
    assert book.package(book.register(ModelApprovalStatus="Approved"))["ModelApprovalStatus"] == "Approved"


def test_groups_are_described_and_made_once(book):
    found = book.registry.describe_model_package_group(ModelPackageGroupName=GROUP)
    assert (found["ModelPackageGroupStatus"], found["CreationTime"]) == ("Completed", START)
    make = book.registry.create_model_package_group
    assert code(lambda: make(ModelPackageGroupName=GROUP)) == "ValidationException"


def test_what_is_not_there_is_not_found(book):
    book.register()
    gone = f"{ARN}:model-package/{GROUP}/2"
    for call in (
        lambda: book.package(gone),
        lambda: book.package(GROUP),
        lambda: book.update(gone, ModelApprovalStatus="Approved"),
        lambda: book.register("gone"),
        lambda: book.versions(ModelPackageGroupName="gone"),
        lambda: book.registry.describe_model_package_group(ModelPackageGroupName="gone"),
    ):
        assert code(call) == "ValidationException"


def test_lists_go_by_creation_and_by_approval(book):
    for number in range(5):
        book.later(minutes(number))
        book.register(ModelApprovalStatus="Approved" if number % 2 else "Rejected")
    assert book.versions() == [1, 2, 3, 4, 5]
    newest = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    assert book.versions(**newest) == [5, 4, 3, 2, 1]
    assert book.versions(**newest, ModelApprovalStatus="Approved") == [4, 2]
    page = book.registry.list_model_packages(ModelPackageGroupName=GROUP, MaxResults=3)
    assert book.versions(NextToken=page["NextToken"]) == [4, 5]
    summary = page["ModelPackageSummaryList"][0]
    assert "InferenceSpecification" not in summary
    assert summary["ModelApprovalStatus"] == "Rejected"


def test_an_update_changes_what_it_names_and_when(book):
    arn = book.register(CustomerMetadataProperties={"a": "1", "b": "2"})
    book.later(minutes(1))
    book.update(arn, ModelApprovalStatus="Rejected", ApprovalDescription="no")
    found = book.package(arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Rejected", "no")
    assert found["LastModifiedTime"] == START + minutes(1)
    assert found["CustomerMetadataProperties"] == {"a": "1", "b": "2"}
    book.update(arn, CustomerMetadataProperties={"b": "3"})
    assert book.package(arn)["ModelApprovalStatus"] == "Rejected"
    assert book.marks(arn) == {"a": "1", "b": "3"}


def test_metadata_goes_by_its_own_member(book):
    arn = book.register(CustomerMetadataProperties={"a": "1", "b": "2"})
    book.update(arn, CustomerMetadataPropertiesToRemove=["a", "gone"])
    assert book.marks(arn) == {"b": "2"}
    book.update(arn, CustomerMetadataPropertiesToRemove=["b"])
    assert book.marks(arn) is None
    with pytest.raises(UnknownError, match="sets and removes a"):
        book.update(arn, CustomerMetadataProperties={"a": "1"}, CustomerMetadataPropertiesToRemove=["a"])


LIMITS = [
    ({"k" * 128: "v"}, True),
    ({"k" * 129: "v"}, False),
    ({"k": "v" * 256}, True),
    ({"k": "v" * 257}, False),
    ({"k": "started:churn-dev-v1-0123abcd"}, True),
    ({"k": "{}"}, False),
    ({f"k{number}": "v" for number in range(50)}, True),
    ({f"k{number}": "v" for number in range(51)}, False),
]


@pytest.mark.parametrize(("marks", "fits"), LIMITS)
def test_metadata_has_the_documented_limits(book, marks, fits):
    arn = book.register()
    for call in (
        lambda: book.update(arn, CustomerMetadataProperties=marks),
        lambda: book.register(CustomerMetadataProperties=marks),
    ):
        assert (call() is not None) if fits else (code(call) == "ValidationException")


def test_metadata_has_its_limit_over_all_updates(book):
    arn = book.register(CustomerMetadataProperties={f"a{number}": "v" for number in range(49)})
    book.update(arn, CustomerMetadataProperties={"b": "v"})
    assert code(lambda: book.update(arn, CustomerMetadataProperties={"c": "v"})) == "ValidationException"
    book.update(arn, CustomerMetadataProperties={"c": "v"}, CustomerMetadataPropertiesToRemove=["b"])
    assert len(book.marks(arn)) == 50


def test_botocore_refuses_metadata_that_is_no_text(book):
    with pytest.raises(ParamValidationError):
        book.register(CustomerMetadataProperties={"a": 1})


def test_unversioned_packages_and_lists_of_all_are_unknown(book):
    for call in (
        lambda: book.register(ModelPackageName="unversioned"),
        lambda: book.registry.create_model_package(ModelPackageGroupName=GROUP),
        lambda: book.registry.create_model_package(InferenceSpecification=SPECIFICATION),
        lambda: book.registry.list_model_packages(MaxResults=1),
    ):
        with pytest.raises(UnknownError):
            call()


def test_events_are_shaped_as_documented(book):
    arn = book.register()
    book.update(arn, ModelApprovalStatus="Approved")
    event = book.events[-1]
    text = Template((samples.EVENTS / "model_package.json").read_text())
    sample = json.loads(text.substitute(account=ACCOUNT, region=REGION, name=GROUP, state="Approved"))
    assert event.keys() == sample.keys()
    assert event["detail"].keys() == sample["detail"].keys()
    same = set(sample["detail"]) - {"InferenceSpecification", "CreationTime", "LastModifiedTime"}
    sample["detail"] |= {"ModelPackageVersion": 1, "ModelPackageArn": arn}
    assert {key: event["detail"][key] for key in same} == {key: sample["detail"][key] for key in same}
    assert event["detail"]["LastModifiedTime"] == "2026-03-10T09:30:00Z"
    assert event["resources"] == [arn]


def test_each_change_is_told_with_what_changed_and_an_update_without_one_is_not(book):
    arn = book.register()
    book.update(arn, ModelApprovalStatus="Approved", CustomerMetadataProperties={"deploy": "live"})
    book.update(arn, ModelApprovalStatus="Approved", CustomerMetadataProperties={"deploy": "replaced"})
    book.update(arn, ModelApprovalStatus="Approved")
    told = [each["detail"].get("UpdatedModelPackageFields") for each in book.events]
    assert told == [None, ["ModelApprovalStatus", "CustomerMetadataProperties"], ["CustomerMetadataProperties"]]
    assert [each["detail"]["ModelApprovalStatus"] for each in book.events] == [
        "PendingManualApproval",
        *["Approved"] * 2,
    ]
    assert book.events[1]["detail"]["CustomerMetadataProperties"] == {"deploy": "live"}


def test_what_becomes_of_an_event_changes_nothing(book):
    arn = book.register(CustomerMetadataProperties={"deploy": "live"})
    book.events[0]["detail"]["CustomerMetadataProperties"]["deploy"] = "gone"
    assert book.marks(arn) == {"deploy": "live"}


WORDS = st.text("abc", min_size=1, max_size=2)
UPDATES = st.lists(st.tuples(st.dictionaries(WORDS, WORDS), st.lists(WORDS)), max_size=8)


@given(UPDATES)
def test_metadata_is_what_was_set_last_and_not_removed_since(updates):
    book, expected = Book(), {}
    arn = book.register()
    for added, named in updates:
        removed = [name for name in named if name not in added]
        asked = {"CustomerMetadataProperties": added} if added else {}
        book.update(arn, **asked, CustomerMetadataPropertiesToRemove=removed)
        expected = {name: value for name, value in (expected | added).items() if name not in removed}
        assert (book.marks(arn) or {}) == expected

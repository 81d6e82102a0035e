from __future__ import annotations

import json
from dataclasses import replace

import pytest

from loopwright.cost.assumptions import assume
from loopwright.placeholder import PLACEHOLDER, image_digest, whole
from loopwright.preview import as_document, lines, preview
from stacks import PYTHON, graph, needs_pulumi, project, shared, warm

OPTIONS = {"dev": ("dev",), "prod": ("prod",), "serverless": ("dev", "serving=serverless")}


@pytest.fixture(scope="module")
def stacks():
    warm(*OPTIONS.values())
    return {name: graph(*words) for name, words in OPTIONS.items()}


def text(result):
    return "\n".join(lines(result))


@needs_pulumi
@pytest.mark.parametrize("name", OPTIONS)
def test_every_resource_is_one_line_of_the_tree(stacks, name):
    result = preview(stacks[name])
    assert len(result.resources) == len(stacks[name].resources()) + 1  # and the metrics, which are no resource
    tree = text(result).split("\n\n")[0].splitlines()
    assert len(tree) == 1 + len(result.components) + len(result.resources)
    assert tree[0].startswith("shop-")
    assert tree[-1].startswith("    └── ")
    for line, place in zip(result.resources, (row for row in tree[1:] if row[0] in "│ "), strict=True):
        assert line.name in place
        assert any(
            word in place for word in ("free", "by use", "0.", "1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "9.")
        )


@needs_pulumi
def test_resources_stand_in_their_component(stacks):
    found = {component.name: component for component in preview(stacks["dev"]).components}
    assert found["store"].kind == "ArtifactStore"
    key, *_ = found["store"].lines
    assert (key.name, key.kind, key.cost.always) == ("key", "kms key", 1.0)
    assert {line.physical_name for line in found["store"].lines} >= {"alias/shop-dev", "shop-dev-data-{accountId}"}
    assert "metrics" in {line.name for line in found["monitor"].lines}
    assert "(stack)" not in found


@needs_pulumi
def test_totals_are_the_sums_of_the_lines(stacks):
    result = preview(stacks["dev"])
    parts = {part: result.total(part) for part in ("always", "timed", "asked", "expected", "most")}
    assert parts["expected"] == pytest.approx(parts["always"] + parts["timed"] + parts["asked"])
    assert result.idle == pytest.approx(parts["always"] + parts["timed"])
    assert parts["most"] >= parts["expected"]
    assert result.budget == 300
    document = json.loads(json.dumps(as_document(result)))
    listed = [line["cost"] for component in document["components"] for line in component["resources"]]
    assert sum(line["expected"] for line in listed) == pytest.approx(document["totals"]["expected"], abs=0.01)
    assert document["assumptions"]["hours"] == 730
    assert document["unknown"] == 0


@needs_pulumi
def test_what_is_said_of_cost_is_what_an_engineer_asks(stacks, figures):
    result = preview(stacks["dev"], assume(["requests=1000"]))
    shown = text(result)
    for words in ("always on", "by request", "idle", "at most", "assuming 730 hours a month, 1,000 requests a month"):
        assert words in shown
    assert f"list prices in USD noted in {result.prices_noted}" in shown
    assert "warning" not in shown
    dev, prod, serverless = (preview(stacks[name]) for name in ("dev", "prod", "serverless"))
    assert serverless.idle < dev.idle / 5
    figures(
        ", ".join(
            f"{name} {found.total('expected'):.2f} USD, idle {found.idle:.2f}, at most {found.total('most'):.2f}"
            for name, found in (("dev", dev), ("prod", prod), ("serverless", serverless))
        )
    )


@needs_pulumi
def test_no_line_is_wider_than_it_must_be(stacks):
    for result in map(preview, stacks.values()):
        tree, totals, notes = text(result).split("\n\n")
        assert max(map(len, tree.splitlines())) <= 220
        assert max(map(len, totals.splitlines())) <= 120
        assert max(len(line) for line in notes.splitlines() if not line.startswith("warning")) <= 120


@needs_pulumi
def test_an_unknown_type_is_shown_counted_and_warned_of(stacks):
    dev = stacks["dev"]
    [key] = dev.of_type("aws:kms/key:Key")
    stranger = replace(
        key, id="aws:rds/instance:Instance::db", type="aws:rds/instance:Instance", name="db", parent=None
    )
    result = preview(replace(dev, nodes={**dev.nodes, stranger.id: stranger}))
    assert result.unknown == 1
    assert any("1 line has no known price" in warning and "aws:rds" in warning for warning in result.warnings)
    shown = text(result)
    assert "unknown" in next(line for line in shown.splitlines() if "rds instance" in line)
    assert "+ 1 unknown" in shown
    assert "(stack)" in shown


@needs_pulumi
def test_a_region_without_prices_is_no_free_region(stacks):
    dev = stacks["dev"]
    nodes = {node.id: replace(node, provider=None) for node in dev}
    result = preview(replace(dev, nodes=nodes, config={**dev.config, "aws:region": "ap-south-1"}))
    priced = sum(not line.cost.free for line in result.resources)
    assert result.unknown == priced > 0
    assert any("no prices are known of ap-south-1" in warning for warning in result.warnings)
    assert f"+ {priced} unknown" in text(result)


@needs_pulumi
def test_a_guessed_price_is_marked(stacks):
    result = preview(stacks["serverless"])
    assert "~" in next(line for line in text(result).splitlines() if "sagemaker endpoint " in line)
    assert any(warning.startswith("~ marks") for warning in result.warnings)


@needs_pulumi
def test_more_than_the_budget_is_said(stacks):
    prod = preview(stacks["prod"], assume(["step_minutes=100000", "requests=100000000000"]))
    assert any("more than the contract's budget of 300.00 USD" in warning for warning in prod.warnings)


@needs_pulumi
def test_a_stack_without_an_image_is_shown_whole_and_says_so(stacks):
    found, bare = whole(shared(), "dev", python=PYTHON)
    assert (bare, image_digest(found)) == (True, PLACEHOLDER)
    assert set(found.nodes) == set(stacks["dev"].nodes)
    result = preview(found, placeholder=bare)
    assert any(warning.startswith("no image yet") for warning in result.warnings)
    assert as_document(result)["placeholder"] is True
    assert preview(found).warnings == ()


@needs_pulumi
def test_a_foundation_says_that_it_is_one():
    result = preview(graph("dev", image=""))
    assert [component.name for component in result.components] == ["images", "registry", "roles", "store"]
    assert any("foundation only" in warning for warning in result.warnings)
    assert result.budget is None


@needs_pulumi
def test_an_image_that_is_set_stays(tmp_path):
    made = project(tmp_path)
    settings = made / "infra" / "Pulumi.dev.yaml"
    settings.write_text(f'{settings.read_text()}  shop:imageDigest: "sha256:{"c" * 64}"\n')
    found, bare = whole(made, "dev", python=PYTHON)
    assert (bare, image_digest(found)) == (False, "sha256:" + "c" * 64)
    given, bare = whole(made, "dev", settings={"shop:imageDigest": "sha256:" + "d" * 64}, python=PYTHON)
    assert (bare, image_digest(given)) == (False, "sha256:" + "d" * 64)

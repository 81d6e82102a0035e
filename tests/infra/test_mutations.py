"""The mutation matrix: every single fault is caught by our own rules; what outside judges see of them is counted.

All mutants go before our rules and parliament. Terraform and checkov take long, so they see a fixed sample; they see
all with LOOPWRIGHT_FULL_MATRIX=FILE, and `docs/policies.md` has what came of that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from functools import cache
from pathlib import Path

import emulator
import pytest
import terraform
from mutations import GROUPS, MUTANTS
from projects import _shop, shop
from rules import RULES, Plan, check
from rules.judges import need_judges, parliament
from rules.matrix import Verdicts, judge
from rules.statements import policies
from rules.subjects import document, plan
from rules.sweep import faults, omissions

from loopwright.wiring import prove
from loopwright.wiring.sources import Sources

LEAST = 100
SAMPLE = {
    "unknown-attribute": {"validate"},
    "alarm-operator": {"validate"},
    "mlflow-size": {"validate"},
    "log-no-key": {"checkov_plan", "checkov_json"},
    "iam-s3-star": {"checkov_plan"},
    "lambda-uncapped": {"checkov_json"},
    "capture-forever": set(),
    "oidc-any-ref": set(),
}
"""What Terraform and checkov say of a few mutants; the last two they let through."""
BATCH = 24
FULL = os.environ.get("LOOPWRIGHT_FULL_MATRIX", "")


@cache
def before(option):
    return set(check(plan("prod", option)))


@cache
def found(mutant):
    """Return the ids of our rules that catch a mutant."""
    broken = Plan(mutant.of(document("prod", mutant.option)), plan("prod", mutant.option).stack)
    return {finding.rule for finding in set(check(broken)) - before(mutant.option)}


@cache
def parliaments():
    """Return the issues that parliament finds in mutants and not in the program, by mutant."""
    texts, known = [], set()
    for option in sorted({mutant.option for mutant in MUTANTS}):
        known |= {(option, policy.text) for policy in policies(plan("prod", option))}
    for mutant in MUTANTS:
        broken = Plan(mutant.of(document("prod", mutant.option)), plan("prod", mutant.option).stack)
        fresh = [policy for policy in policies(broken) if (mutant.option, policy.text) not in known]
        texts += [(f"{mutant.id} {policy.where}", policy.text) for policy in fresh]
        originals = {policy.where: policy.text for policy in policies(plan("prod", mutant.option))}
        texts += [(f"{mutant.id}= {p.where}", originals[p.where]) for p in fresh if p.where in originals]
    issues = {}
    for key, issue, detail in parliament(texts):
        name, where = key.split(" ", 1)
        issues.setdefault(name, set()).add((where, issue, detail))
    return {m.id: {i for _, i, _ in issues.get(m.id, set()) - issues.get(f"{m.id}=", set())} for m in MUTANTS}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_our_rules_catch_it(mutant):
    assert found(mutant), mutant.what


def test_there_are_enough_and_each_is_another(figures):
    assert len(MUTANTS) >= LEAST
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS)
    broken = [json.dumps(mutant.of(document("prod", mutant.option)), sort_keys=True) for mutant in MUTANTS]
    assert len(set(broken)) == len(MUTANTS)
    by_source = Counter(mutant.source.split(" ")[0].rstrip(":") for mutant in MUTANTS)
    figures(f"{len(MUTANTS)} mutants; {by_source['2.4']} of them of the matrix in security.md")


def test_every_rule_catches_a_mutant_and_none_is_idle(figures):
    kills = Counter(rule for mutant in MUTANTS for rule in found(mutant))
    assert not set(RULES) - set(kills)
    alone = Counter(next(iter(found(mutant))) for mutant in MUTANTS if len(found(mutant)) == 1)
    figures(f"{len(RULES)} rules, each catches a mutant; {len(alone)} catch one that no other rule does")


def test_parliament_on_all_mutants(figures):
    need_judges()
    caught = {mutant for mutant, issues in parliaments().items() if issues}
    assert {"iam-typo", "iam-mismatch"} <= caught
    figures(f"parliament catches {len(caught)} of {len(MUTANTS)} mutants, our rules all")


def test_every_statement_of_every_policy_is_watched(figures):
    """Whatever a machine widens, turns round or leaves out of a policy, our rules or the wiring proof find."""
    graph, original, meant = (
        shop("prod", "everything"),
        document("prod", "everything"),
        plan("prod", "everything").stack,
    )
    folder, sources = _shop(), Sources(_shop())
    wired = set(prove(graph, folder, sources=sources).findings)
    by_rules, by_wiring, nobody = 0, 0, []
    made = list(faults(graph))
    for fault in made:
        if set(check(Plan(fault.in_document(original), meant))) - before("everything"):
            by_rules += 1
        elif set(prove(fault.in_graph(graph), folder, sources=sources).findings) - wired:
            by_wiring += 1
        else:
            nobody.append(fault)
    assert sorted(f"{fault.sid} {fault.change}" for fault in nobody) == sorted(NO_FAULTS)
    figures(f"{len(made)} faults of policies by a machine: rules {by_rules}, wiring {by_wiring}, none {len(nobody)}")


NO_FAULTS = [
    "Jobs without its condition",  # the account stands in the ARNs of these jobs, too
    *["Listed with its last resource left out"] * 2,  # AWS's reference names the package; the group is there beside it
    *["TlsOnly with every action of its service"] * 4,  # as it is
]
"""What a machine changes and nothing is worse for it."""


def test_every_attribute_is_watched_or_harmless(figures):
    """Whatever a machine leaves out of a resource, our rules find, or `harmless.yaml` says why it is no loss."""
    original, meant = document("prod", "everything"), plan("prod", "everything").stack
    made = list(omissions(original))
    unseen = [o for o in made if not set(check(Plan(o.in_document(original), meant))) - before("everything")]
    assert [str(omission) for omission in unseen if omission.why_harmless() is None] == []
    reasons = Counter(omission.why_harmless() for omission in unseen)
    told = "; ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
    figures(f"{len(made)} attributes left out by a machine: rules find {len(made) - len(unseen)}; the rest: {told}")


def slow(mutants, option, tmp_path):
    documents = {mutant.id: mutant.of(document("prod", option)) for mutant in mutants}
    with emulator.serve() as aws:
        return judge(documents, document("prod", option), option, tmp_path, aws.endpoint)


def test_terraform_and_checkov_on_a_sample(tmp_path, figures):
    need_judges()
    terraform.need_terraform()
    mutants = [mutant for mutant in MUTANTS if mutant.id in SAMPLE]
    verdicts = slow(mutants, "everything", tmp_path)
    assert {mutant.id: verdicts.judges(mutant.id) for mutant in mutants} == SAMPLE
    seen = [name for name, judges in SAMPLE.items() if judges]
    figures(f"Terraform or checkov catch {len(seen)} of a sample of {len(SAMPLE)}, our rules all")


@pytest.mark.skipif(not FULL, reason="an hour: LOOPWRIGHT_FULL_MATRIX names a file that keeps what is judged")
def test_terraform_and_checkov_on_all(tmp_path, figures):
    need_judges()
    terraform.need_terraform()
    kept = Path(FULL)
    verdicts = Verdicts.read(kept)
    for number, (option, mutants) in enumerate(batches(verdicts)):
        folder = tmp_path / str(number)
        folder.mkdir()
        verdicts.add(slow(mutants, option, folder))
        verdicts.write(kept)
        shutil.rmtree(folder)
    for name, rows in GROUPS.items():
        figures(f"{name}: {shares([row[0] for row in rows], verdicts)}")
    figures(f"all: {shares([mutant.id for mutant in MUTANTS], verdicts)}")
    nobody = [m.id for m in MUTANTS if not verdicts.judges(m.id) and not parliaments()[m.id]]
    figures(f"only our rules catch {len(nobody)}: {', '.join(nobody)}")


def shares(ids, verdicts):
    """Return how many of these mutants each judge catches."""
    judges = ("validate", "plan", "checkov_plan", "checkov_json")
    counts = {judge: sum(judge in verdicts.judges(name) for name in ids) for judge in judges}
    counts["checkov"] = sum(any(j.startswith("checkov") for j in verdicts.judges(name)) for name in ids)
    counts["parliament"] = sum(bool(parliaments()[name]) for name in ids)
    counts["ours"] = sum(bool(found(mutant)) for mutant in MUTANTS if mutant.id in ids)
    return f"{len(ids)} mutants; " + ", ".join(f"{judge} {count}" for judge, count in counts.items())


def batches(verdicts):
    """Yield the mutants yet to be judged in lots of one variant; one of the provider has a configuration of its own."""
    for option in sorted({mutant.option for mutant in MUTANTS}):
        mine = [mutant for mutant in MUTANTS if mutant.option == option and mutant.id not in verdicts.seen]
        original = document("prod", option)
        alone = [m for m in mine if m.of(original)["provider"] != original["provider"]]
        rest = [mutant for mutant in mine if mutant not in alone]
        yield from ((option, [mutant]) for mutant in alone)
        yield from ((option, rest[start : start + BATCH]) for start in range(0, len(rest), BATCH))

"""What the report claims, from tables whose answer is known."""

import itertools
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import multinomial

from tests.unit.test_tabulate import LABELS, head, interval, record, results_of
from workflow_scripts import artifacts
from workflow_scripts.reporting import findings
from workflow_scripts.reporting.findings import FAILS, HOLDS, MIXED, UNCLEAR, Tally
from workflow_scripts.reporting.results import largest_group
from workflow_scripts.reporting.table import changes, tabulate
from workflow_scripts.steps import publish

CALIBRATIONS = pd.DataFrame({"head": "linear", "kl_before": [2.0, 2.0], "kl_after": [1.0, 1.5]})


def table_of(gains: dict[str, float], train_gain: float = 0.3) -> pd.DataFrame:
    """One encoder, a cell per case with this gain; of `seen`, train models too. Intervals are 0.1 either way."""
    cases = [record(case=case, gain=gain) for case, gain in gains.items()]
    train = record(case="seen", split="train", gain=train_gain)
    untuned = head("identity", *(record(case=case) for case in gains), record(case="seen", split="train"))
    return tabulate([untuned, head("linear", *cases, train)], LABELS).assign(seen=lambda table: table["case"] == "seen")


VERDICTS = [FAILS, UNCLEAR, MIXED, HOLDS]  # worst first


@pytest.mark.parametrize(
    ("tally", "verdict"),
    [
        (Tally(0, 0, 0), UNCLEAR),
        (Tally(1, 0, 1), HOLDS),
        (Tally(0, 1, 1), FAILS),
        (Tally(1, 1, 2), UNCLEAR),
        (Tally(2, 0, 4), HOLDS),
        (Tally(1, 0, 4), UNCLEAR),  # one of many may be chance
        (Tally(0, 1, 4), UNCLEAR),
        (Tally(2, 0, 8), MIXED),
        (Tally(2, 1, 8), UNCLEAR),
        (Tally(2, 2, 8), UNCLEAR),
        (Tally(1, 3, 8), FAILS),
        (Tally(6, 2, 8), MIXED),
        (Tally(0, 2, 8), FAILS),
        (Tally(0, 0, 8), UNCLEAR),
        (Tally(8, 0, 8), HOLDS),
        (Tally(0, 1, 2), FAILS),
        (Tally(2, 0, 14), MIXED),
        (Tally(2, 0, 15), UNCLEAR),  # two of many may be chance
        (Tally(3, 0, 33), MIXED),
        (Tally(3, 0, 34), UNCLEAR),
        (Tally(5, 0, 96), UNCLEAR),
        (Tally(6, 0, 96), MIXED),
        (Tally(8, 3, 96), UNCLEAR),
        (Tally(3, 9, 96), FAILS),
        (Tally(48, 0, 96), HOLDS),
        (Tally(48, 1, 96), MIXED),
    ],
)
def test_verdicts(tally: Tally, verdict: str):
    assert tally.verdict == verdict


@pytest.mark.parametrize("total", [1, 2, 8, 14, 30, 96])
def test_chance_alone_seldom_gives_a_verdict(total: int):
    """Each comparison comes out clearly better, or worse, in 2.5 % of cases."""
    told = {HOLDS: 0.0, MIXED: 0.0, FAILS: 0.0, UNCLEAR: 0.0}
    for better, worse in itertools.product(range(min(total, 20) + 1), repeat=2):
        if better + worse <= total:
            share = multinomial.pmf([better, worse, total - better - worse], total, [0.025, 0.025, 0.95])
            told[Tally(better, worse, total).verdict] += share
    assert sum(told.values()) == pytest.approx(1)
    assert told[HOLDS] + told[MIXED] == pytest.approx(told[FAILS])
    assert told[FAILS] <= 0.05


def test_verdicts_are_monotone_and_treat_both_sides_alike():
    """One more against a finding never lifts it; one more for it never lowers it; undecided ones never help a side."""
    for better, worse, undecided in itertools.product(range(9), range(9), range(110)):
        total = better + worse + undecided

        def place(better: int, worse: int, total: int) -> int:
            return VERDICTS.index(Tally(better, worse, total).verdict)

        here = place(better, worse, total)
        assert place(better, worse + 1, total + 1) <= here <= place(better + 1, worse, total + 1)
        if undecided:
            assert place(better, worse + 1, total) <= here <= place(better + 1, worse, total)
        mirrored = place(worse, better, total)
        assert (here == VERDICTS.index(FAILS)) <= (mirrored >= VERDICTS.index(MIXED))
        assert (here >= VERDICTS.index(MIXED)) == (mirrored == VERDICTS.index(FAILS))
        assert abs(place(better, worse, total + 1) - 1) <= abs(here - 1)  # nearer to `cannot be told`


def test_findings_rest_on_their_cases():
    found = {
        f.claim: f.verdict for f in findings.findings(results_of(table_of({"seen": 0.2, "unseen": -0.2}), CALIBRATIONS))
    }
    assert found["Tuning helps on new exemplars of classes it has seen."] == HOLDS
    assert found["Tuning helps on classes that no head has seen."] == FAILS
    assert not any("styles" in claim for claim in found)  # nothing to speak of


@pytest.mark.parametrize(("train_gain", "verdict"), [(0.3, UNCLEAR), (0.35, HOLDS), (0.6, HOLDS), (0.0, FAILS)])
def test_over_fitting_is_a_gain_on_train_that_test_lacks(train_gain: float, verdict: str):
    """The gain on test is 0.2; both intervals reach 0.1 to each side, that of their difference 0.14."""
    found = findings.findings(results_of(table_of({"seen": 0.2}, train_gain), CALIBRATIONS))
    assert next(f.verdict for f in found if "over-fit" in f.claim) == verdict


def test_what_is_seen_does_not_depend_on_the_splits_that_are_evaluated():
    table = table_of({"seen": 0.2, "unseen": -0.2})
    found = {f.claim: f.verdict for f in findings.findings(results_of(table[table["split"] == "test"]))}
    assert found["Tuning helps on new exemplars of classes it has seen."] == HOLDS
    assert found["Tuning helps on classes that no head has seen."] == FAILS


def test_headline_without_a_learned_head():
    table = tabulate([head("identity", record(value=0.25), record(ranking="random", value=0.1))], LABELS)
    results = results_of(table.assign(seen=True), head=None)
    assert findings.headline(results) == (
        "Untuned features reach a Recall@10 of 25.0 % on average, where chance is 0.17 %."
    )
    assert "compares no learned head" in findings.explanation(results)
    assert findings.findings(results) == findings.by_case(results) == []


def test_many_comparisons_are_counted_together():
    table = table_of(dict.fromkeys("abcd", 0.2))
    rows = (table["head"] == "linear") & (table["split"] == "test")
    # Of four, the smallest p must lie below 0.0125, the second below 0.025: 0.03 alone would have stood.
    table.loc[rows, "mAP_gain_p"] = [0.01, 0.03, 0.5, 0.9]
    table["mAP_change"] = changes(table)
    results = results_of(table)
    assert "beat the untuned features in 2 of 4 comparisons" in findings.headline(results)
    assert "It is worse in 0 comparisons, and 2 are undecided" in findings.explanation(results)
    assert "5 % (Benjamini and Hochberg), 1 of the gains remain" in findings.explanation(results)


def test_a_gain_that_stays_at_chance_is_none():
    """The head's mAP is 0.4 to 0.6; a random ranking is expected to reach 0.39, or 0.41."""
    for chance, better in ((0.39, 1), (0.41, 0)):
        own = record(value=0.5, gain=0.3, chance={"10": 0.1, "mAP": chance})
        table = tabulate([head("identity", record(value=0.1)), head("linear", own)], LABELS)
        assert findings.tally_gains(results_of(table).compared()) == Tally(better, 0, 1)


@pytest.mark.parametrize(("fall", "p", "verdict"), [(0.5, 0.01, HOLDS), (0.5, 0.2, UNCLEAR), (-0.5, 0.01, FAILS)])
def test_calibration_is_judged_on_test_and_may_fail(fall: float, p: float, verdict: str):
    """Whatever the fit reached on val, where it cannot fail."""
    own = {"divergence": {"value": 1.0, "fall": interval(fall) | {"p": p}}}
    table = tabulate([head("identity", record(**own)), head("linear", record(gain=0.1, **own))], LABELS)
    found = findings.findings(results_of(table.assign(seen=True), CALIBRATIONS))
    (about,) = (f for f in found if f.claim.startswith("Fitting tau"))
    assert about.verdict == verdict


def test_a_learning_curve_takes_the_paired_test():
    """The intervals of both heads overlap, 0.5 to 0.7 and 0.6 to 0.8; their difference is clear."""
    for lack, p, chance, verdict in (
        (0.1, 0.01, 0.1, HOLDS),
        (0.1, 0.2, 0.1, UNCLEAR),
        (-0.1, 0.01, 0.1, FAILS),
        (0.1, 0.01, 0.65, UNCLEAR),  # the whole head may be at chance
    ):
        own = {"lacks_to_whole": {"mAP": interval(lack) | {"p": p}}, "chance": {"10": 0.1, "mAP": chance}}
        part = {**head("linear", record(value=0.6, gain=0.1, **own)), "training_set": "all_10", "share": 0.1}
        whole = head("linear", record(value=0.7, gain=0.2, chance=own["chance"]))
        results = results_of(tabulate([head("identity", record()), part, whole], LABELS).assign(seen=True))
        found = {f.claim: f for f in findings.findings(results)}[
            "More training models make a better head (all against 10%, objects)."
        ]
        assert found.verdict == verdict


def test_what_is_not_counted_and_how_few_models_are_tested_is_said():
    captions = {**head("identity", record()), "encoder": "text"}
    few = record(value=0.5, gain=0.2, n_models=8)
    table = tabulate([head("identity", record(n_models=8)), captions, head("linear", few)], LABELS)
    said = findings.explanation(results_of(table))
    assert "; text, which reads captions, is not counted" in said
    assert (
        "Below 30 models, the test flips the signs of their differences; its smallest p is 0.0078 for 8 models." in said
    )


def test_larger_sets_are_those_larger_than_any_group_that_a_head_learned_on(tmp_path: Path):
    sizes = [record(view, case="sets", kind="style") for view in ("all", "n = 5", "n = 20")]
    learned = [record(view, case="sets", kind="style", gain=gain) for view, gain in (("n = 5", -0.3), ("n = 20", 0.3))]
    table = tabulate([head("identity", *sizes), head("linear", *learned)], LABELS).assign(seen=False)
    groups = pd.DataFrame({"model": ["a"] * 12 + ["b"] * 3 + ["c"] * 30, "split": ["train"] * 15 + ["test"] * 30})
    artifacts.write_table(tmp_path / "styles.parquet", groups, {})
    known = replace(results_of(table), largest_group=largest_group([tmp_path / "styles.parquet"]))
    assert known.largest_group == 12
    assert [f.evidence for f in findings.findings(known)] == [
        "1 of 1 comparisons clearly for it, 0 clearly against it."
    ]
    assert findings.findings(results_of(table)) == []  # how large the groups were is not known


def test_a_training_set_of_one_kind_is_known_by_its_cases_and_not_by_its_name():
    things = {**head("linear", record(case="y", kind="style", gain=0.2), record(gain=0.2)), "training_set": "things"}
    untuned = head("identity", record(case="y", kind="style"), record())
    table = tabulate([untuned, things], LABELS).assign(seen=True)
    found = findings.findings(results_of(table, one_kind={"things": "object"}))
    assert [f.claim for f in found] == ["Tuning on objects alone helps styles."]


def test_each_method_has_its_own_findings():
    tables = [table_of({"seen": gain}).query("method != 'random'") for gain in (0.2, -0.2)]
    table = pd.concat([tables[0], tables[1].assign(method="other")], ignore_index=True)
    found = [f for f in findings.findings(results_of(table, CALIBRATIONS)) if "over-fit" not in f.claim]
    assert [(f.method, f.verdict) for f in found] == [("feature_similarity", HOLDS), ("other", FAILS)]
    assert findings.headline(results_of(table)).startswith("With feature_similarity, learned heads beat")
    assert [row["better"] for row in findings.by_case(results_of(table))] == ["1", "0"]
    assert publish.findings_list(found).splitlines()[:2] == [
        "- **holds** (feature_similarity): Tuning helps on new exemplars of classes it has seen.",
        "- **does not hold** (other): Tuning helps on new exemplars of classes it has seen.",
    ]

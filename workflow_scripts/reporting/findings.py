"""Which findings of the paper hold in this study, and the study's result in a sentence.

A finding is a claim and a tally of comparisons for it and against it. `RULE` says what the verdicts mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pandas as pd
from scipy.stats import binom, false_discovery_control

from workflow_scripts import reporting
from workflow_scripts.evaluation import intervals
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import BETTER, CLEARLY, WORSE, is_random, main_rows
from workflow_scripts.study.study import UNTUNED

HOLDS, MIXED, FAILS, UNCLEAR = "holds", "holds in part", "does not hold", "cannot be told at this size"
RULE = (
    "By chance, a comparison is clearly for a finding in 2.5 % of cases, and clearly against it in as many. The lead "
    "of one side over the other counts if chance gives a side so many in at most 5 % of studies, were comparisons "
    "independent: 1 of up to 2 comparisons, 2 of up to 14, 3 of up to 33, 6 of 96. A finding holds if its lead counts, "
    "at least half of its comparisons are for it, and none is against it; if its lead counts, but not all of this is "
    "so, it holds in part. It does not hold if the lead against it counts. Else it cannot be told at this size."
)


@cache
def luck(total: int) -> int:
    """How many of some independent comparisons chance makes clearly better, and no more in 95 % of studies."""
    return int(binom.ppf(1 - CLEARLY, total, CLEARLY / 2))


@dataclass(frozen=True)
class Tally:
    """How many comparisons came out clearly better, clearly worse, or neither."""

    better: int
    worse: int
    total: int

    @property
    def verdict(self) -> str:
        """By `RULE`: a comparison more against it never lifts a verdict, one more for it never lowers it."""
        lead = self.better - self.worse
        if -lead > luck(self.total):
            return FAILS
        if lead <= luck(self.total):
            return UNCLEAR
        return HOLDS if 2 * self.better >= self.total and not self.worse else MIXED

    def __str__(self) -> str:
        return f"{self.better} of {self.total} comparisons clearly for it, {self.worse} clearly against it"


@dataclass(frozen=True)
class Finding:
    """A finding of the paper, and what this study says about it."""

    claim: str
    verdict: str
    evidence: str
    method: str


def findings(results: Results) -> list[Finding]:
    """The paper's findings that this study can test, for each method, in the order of the questions."""
    modules = [module for name in reporting.QUESTIONS if hasattr(module := reporting.question(name), "findings")]
    return [finding for module in modules for part in results.by_method() for finding in module.findings(part)]


def judge(claim: str, rows: pd.DataFrame, results: Results) -> Iterator[Finding]:
    """The finding that the comparisons in some rows support or contradict; nothing if there are none."""
    if len(rows):
        tally = tally_gains(rows)
        yield Finding(claim, tally.verdict, f"{tally}.", results.shown.method)


def tally_gains(rows: pd.DataFrame) -> Tally:
    """Counts the rows that are compared with untuned features, by `table.changes`."""
    return tally(rows["mAP_change"].dropna())


def tally(changed: pd.Series) -> Tally:
    """Counts comparisons that came out better or worse."""
    return Tally(int((changed == BETTER).sum()), int((changed == WORSE).sum()), len(changed))


def headline(results: Results) -> str:
    """The result of the study's first method in one sentence."""
    start = f"With {results.shown.method}, " if len(results.shown.methods) > 1 else ""
    results = results.of(results.shown.method)
    rows, name = results.compared(), results.shown.recall
    measure = name.capitalize()
    if rows.empty:
        rows = main_rows(whole_cells(results.default()))
        rows = rows[(rows["head"] == UNTUNED) & rows["encoder"].isin(results.shown.encoders)]
        result = f"untuned features reach a {measure} of {mean(rows[name])} % on average"
    else:
        tally = tally_gains(rows)
        before, after = mean(rows[name] - rows[f"{name}_gain"]), mean(rows[name])
        result = (
            f"learned heads beat the untuned features in {tally.better} of {tally.total} comparisons: on average they "
            f"lift {measure} from {before} % to {after} %"
        )
    sentence = f"{start}{result}, where chance is {_chance(rows, name)} %."
    return sentence[0].upper() + sentence[1:]


def _chance(rows: pd.DataFrame, name: str) -> str:
    return f"{100 * rows[f'{name}_chance'].mean():.2f}"


def explanation(results: Results) -> str:
    """How the comparisons of the headline were counted, and which method it is about."""
    shown = results.shown
    about = f"The attribution method is {shown.method}."
    if len(shown.methods) > 1:
        about = (
            f"The headline and the captions of the figures are about the method {shown.method}, the study's first. The "
            f"findings, tables and figures hold all methods: {', '.join(shown.methods)}."
        )
    results = results.of(shown.method)
    rows = results.compared()
    if rows.empty:
        return f"This study compares no learned head with the untuned features. {about}"
    tally = tally_gains(rows)
    undecided = tally.total - tally.better - tally.worse
    return (
        f"A comparison is one image encoder with the {shown.head} head on one case and prompt set{_left_out(results)}. "
        "The head is better if its mAP is higher by a paired test over models (p < 0.05), and above chance by its 95 % "
        f"interval. It is worse in {tally.worse} comparisons, and {undecided} are undecided at this size. If all "
        "comparisons are tested together, at a false discovery rate of 5 % (Benjamini and Hochberg), "
        f"{_discoveries(rows)} of the gains remain.{_about_few_models(rows)} {about}"
    )


def _left_out(results: Results) -> str:
    """Which encoders read captions, so that no comparison is about them."""
    names = dict.fromkeys(results.table.loc[~is_random(results.table), "encoder"])
    captions = [name for name in names if name not in results.shown.encoders]
    return f"; {', '.join(captions)}, which reads captions, is not counted" if captions else ""


def _about_few_models(rows: pd.DataFrame) -> str:
    """How cells of few models are tested, and what p the test can reach."""
    few = sorted({int(count) for count in rows["n_models"] if count < intervals.MANY})
    if not few:
        return ""
    least = ", ".join(f"{intervals.least_p(n):.2g} for {n} models" for n in few if n <= intervals.LISTED)
    smallest = f"; its smallest p is {least}" if least else ""
    return f" Below {intervals.MANY} models, the test flips the signs of their differences{smallest}."


def _discoveries(rows: pd.DataFrame) -> int:
    """How many heads beat their encoder if all comparisons are tested together."""
    tested = rows[rows["mAP_gain_p"].notna()]
    if tested.empty:
        return 0
    stands = false_discovery_control(tested["mAP_gain_p"]) < CLEARLY
    return int((stands & (tested["mAP_change"] == BETTER)).sum())


def by_case(results: Results) -> list[dict[str, str]]:
    """A row per case and method: the measure before and after learning, averaged over encoders and prompt sets."""
    name = results.shown.recall
    parts = [(part, *group) for part in results.by_method() for group in part.compared().groupby("case", sort=False)]
    return [
        {
            "case": case,
            "method": part.shown.method,
            "kind": rows["kind"].iloc[0],
            "n_models": f"{rows['n_models'].max():,}",
            "before": mean(rows[name] - rows[f"{name}_gain"]),
            "after": mean(rows[name]),
            "chance": _chance(rows, name),
            **{count: str(value) for count, value in vars(tally_gains(rows)).items()},
        }
        for part, case, rows in parts
    ]


def mean(values: pd.Series) -> str:
    """The mean of shares, in percent."""
    return f"{100 * values.mean():.1f}"

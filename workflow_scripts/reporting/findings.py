"""Which findings of the paper hold in this study, and the study's result in a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from scipy.stats import false_discovery_control

from workflow_scripts import reporting
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import CELL, is_random, main_rows
from workflow_scripts.study.study import UNTUNED

HOLDS, MIXED, FAILS, UNCLEAR = "holds", "holds in part", "does not hold", "cannot be told at this size"
CLEARLY = 0.05  # p, and the rate of false discoveries


@dataclass(frozen=True)
class Tally:
    """How many comparisons came out clearly better, clearly worse, or neither."""

    better: int
    worse: int
    total: int

    @property
    def verdict(self) -> str:
        """Holds if half of the comparisons are clearly for it and none against it; in part if not more are against."""
        if self.worse:
            return FAILS if self.worse > self.better else MIXED
        return HOLDS if self.total and 2 * self.better >= self.total else UNCLEAR

    def __str__(self) -> str:
        return f"{self.better} of {self.total} comparisons clearly for it, {self.worse} clearly against it"


@dataclass(frozen=True)
class Finding:
    """A finding of the paper, and what this study says about it."""

    claim: str
    verdict: str
    evidence: str
    method: str = ""  # empty if the finding does not depend on the method


def findings(results: Results) -> list[Finding]:
    """The paper's findings that this study can test, for each method, in the order of the questions."""
    modules = [module for name in reporting.QUESTIONS if hasattr(module := reporting.question(name), "findings")]
    every = (finding for module in modules for part in results.by_method() for finding in module.findings(part))
    return list(dict.fromkeys(every))  # one that depends on no method comes once


def judge(claim: str, rows: pd.DataFrame, results: Results) -> Iterator[Finding]:
    """The finding that the comparisons in some rows support or contradict; nothing if there are none."""
    if len(rows):
        tally = tally_gains(rows, results)
        yield Finding(claim, tally.verdict, f"{tally}.", results.shown.method)


def tally_gains(rows: pd.DataFrame, results: Results) -> Tally:
    """Counts rows whose interval of the gain in mAP lies above or below zero; mAP must lie above chance, too."""
    rows = rows.dropna(subset="mAP_gain")
    if rows.empty:  # the table may lack the columns of intervals
        return Tally(0, 0, 0)
    better = (rows["mAP_gain_low"] > 0) & _above_chance(rows, results.table)
    return Tally(int(better.sum()), int((rows["mAP_gain_high"] < 0).sum()), len(rows))


def _above_chance(rows: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Whether the interval of a row's mAP lies above that of a random ranking in the same cell and view."""
    cell = [*CELL, "split", "view"]
    random = table[is_random(table)].set_index(cell)["mAP_high"]
    ends = random.reindex(pd.MultiIndex.from_frame(rows[cell])).fillna(0.0)
    return rows["mAP_low"] > ends.set_axis(rows.index)


def tally_pairs(first: pd.DataFrame, second: pd.DataFrame, metric: str) -> Tally:
    """Counts rows of `second` whose interval lies wholly above, or below, that of its encoder and cell in `first`."""
    on, ends = ["encoder", *CELL], [f"{metric}_low", f"{metric}_high"]
    pairs = second[[*on, *ends]].merge(first[[*on, *ends]], on=on, suffixes=("", "_first")).dropna()
    better = (pairs[f"{metric}_low"] > pairs[f"{metric}_high_first"]).sum()
    worse = (pairs[f"{metric}_high"] < pairs[f"{metric}_low_first"]).sum()
    return Tally(int(better), int(worse), len(pairs))


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
        tally = tally_gains(rows, results)
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
    tally = tally_gains(rows, results)
    undecided = tally.total - tally.better - tally.worse
    return (
        f"A comparison is one encoder with the {shown.head} head on one case and prompt set. The head is better if its "
        "mAP lies above chance and the 95 % interval of the paired difference in mAP, bootstrapped over models, lies "
        f"above zero. It is worse in {tally.worse} comparisons, and {undecided} are undecided at this size. If all "
        "comparisons are tested together, at a false discovery rate of 5 % (Benjamini and Hochberg), "
        f"{_discoveries(rows, results.table)} of the gains remain. {about}"
    )


def _discoveries(rows: pd.DataFrame, table: pd.DataFrame) -> int:
    """How many heads beat their encoder if all comparisons are tested together."""
    tested = rows[rows["mAP_gain_p"].notna()]
    if tested.empty:
        return 0
    stands = (false_discovery_control(tested["mAP_gain_p"]) < CLEARLY) & (tested["mAP_gain"] > 0)
    return int((stands & _above_chance(tested, table)).sum())


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
            **{count: str(value) for count, value in vars(tally_gains(rows, part)).items()},
        }
        for part, case, rows in parts
    ]


def mean(values: pd.Series) -> str:
    """The mean of shares, in percent."""
    return f"{100 * values.mean():.1f}"

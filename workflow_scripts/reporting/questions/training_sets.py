"""Does tuning on objects help styles, and the other way round? Heads of several training sets in every cell."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, judge
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import main_rows
from workflow_scripts.study.study import UNTUNED

TITLE = "Does tuning on objects help styles, and the other way round?"
TEXT = "The learned head of every training set, such as objects, styles or both, evaluated in every cell."
NAMES = ("training_set",)


def rows(results: Results) -> pd.DataFrame:
    """The learned head of every whole training set, and the untuned features."""
    if results.shown.head is None:
        return results.table.iloc[:0]
    table = main_rows(whole_cells(results.table))
    untuned = (table["head"] == UNTUNED) & (table["training_set"] == results.shown.untuned_set)
    return table[(untuned | (table["head"] == results.shown.head)) & (table["share"] == 1)]


def figure(results: Results) -> str:
    table = rows(results)
    labels = table["training_set"].map(figures.on).where(table["head"] != UNTUNED, UNTUNED)
    return figures.bars(table.assign(head=labels), "mAP", "training_sets", figures.palette(results.table), "head")


def caption(results: Results) -> str:
    means = results.learned(rows(results)).groupby(["kind", "training_set"])["mAP"].mean().reset_index()
    best = [f"{part.loc[part['mAP'].idxmax(), 'training_set']} for {kind}s" for kind, part in means.groupby("kind")]
    return f"mAP of {results.shown.head} heads by training set. The best training sets on average: {', '.join(best)}."


def findings(results: Results) -> Iterator[Finding]:
    """Whether training on one kind of cases helps the other kind."""
    table = results.learned(rows(results))
    trained_on = table["training_set"].map(results.shown.one_kind)
    for kind, other in (("object", "style"), ("style", "object")):
        part = table[(trained_on == kind) & (table["kind"] == other)]
        yield from judge(f"Tuning on {kind}s alone helps {other}s.", part, results)

"""How many training models does a head need? A curve over the share of them that it is trained on."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, tally_pairs
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.study.study import UNTUNED

TITLE = "How many training models does a head need?"
TEXT = "The learned head, trained on a growing share of the train models; share 0 is the untuned features."
NAMES = ("share", "split")


def rows(results: Results) -> pd.DataFrame:
    if results.shown.head is None:
        return results.table.iloc[:0]
    table = whole_cells(results.table)
    part = (table["head"] == results.shown.head) & (table["share"] < 1)
    table = table[part | table.index.isin(results.pair().index)]
    return table.assign(share=table["share"].where(table["head"] != UNTUNED, 0.0))


def figure(results: Results) -> str:
    table = rows(results)
    tests = table[table["split"] == "test"].assign(head=results.shown.head)  # share 0 starts the line
    return figures.curves(tests, "share", "mAP", "share of the training models", "learning_curve")


def _objects(results: Results) -> pd.DataFrame:
    table = rows(results)
    objects = (table["split"] == "test") & (table["kind"] == "object")
    return table[objects & table["encoder"].isin(results.shown.encoders)]


def caption(results: Results) -> str:
    means = 100 * _objects(results).groupby("share")["mAP"].mean()
    course = ", ".join(f"{mean:.1f} % at {share:.0%}" for share, mean in means.items())
    return f"mAP on test by share of the training models. Mean on objects, over image encoders: {course}."


def findings(results: Results) -> Iterator[Finding]:
    table = _objects(results)
    shares = sorted(share for share in table["share"].unique() if 0 < share < 1)
    if shares:
        tally = tally_pairs(table[table["share"] == shares[0]], table[table["share"] == 1], "mAP")
        claim = f"More training models make a better head ({shares[0]:.0%} against all, objects)."
        evidence = f"{tally}: intervals of mAP that do not overlap."
        yield Finding(claim, tally.verdict, evidence, results.shown.method)

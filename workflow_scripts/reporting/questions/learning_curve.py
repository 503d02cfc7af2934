"""How many training models does a head need? A curve over the share of them that it is trained on."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, tally
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import CELL, changes
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
    return figures.curves(
        tests, "share", "mAP", "share of the training models", "learning_curve", figures.palette(results.table)
    )


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
        counted = tally(whole_against(table, shares[0]))
        claim = f"More training models make a better head (all against {shares[0]:.0%}, objects)."
        yield Finding(claim, counted.verdict, f"{counted}.", results.shown.method)


def whole_against(table: pd.DataFrame, share: float) -> pd.Series:
    """Whether the head of the whole training set is better than that of a share, by `changes`, for each comparison."""
    on, level = ["encoder", *CELL], ["mAP_low", "mAP_chance"]
    part, whole = table[table["share"] == share], table.loc[table["share"] == 1, [*on, *level]]
    return changes(part.drop(columns=level).merge(whole, on=on), "mAP_lack").dropna()

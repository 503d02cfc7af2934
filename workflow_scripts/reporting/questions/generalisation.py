"""Do heads over-fit? The same measures on the models that heads are trained on, and on others."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, Tally
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import CELL
from workflow_scripts.study.study import SPLITS

TITLE = "Do heads over-fit?"
TEXT = "Samples of train, val and test models under the same protocol, and of classes and styles no head has seen."
NAMES = ("split",)


def rows(results: Results) -> pd.DataFrame:
    table = whole_cells(results.pair())
    return table if results.shown.head else table.iloc[:0]


def figure(results: Results) -> str:
    table = rows(results)
    order = np.argsort(table["split"].map(SPLITS.index), kind="stable")
    return figures.curves(table.iloc[order], "split", "mAP", "split", "generalisation", figures.palette(results.table))


def caption(results: Results) -> str:
    means = 100 * results.learned(rows(results), "object").groupby("split")["mAP"].mean()
    parts = ", ".join(f"{means[split]:.1f} % on {split}" for split in SPLITS if split in means)
    text = f"mAP of the {results.shown.head} head (solid) and of untuned features (dashed)."
    return f"{text} The head's mean on objects: {parts}."


def findings(results: Results) -> Iterator[Finding]:
    table = results.learned(rows(results), "object").dropna(subset="mAP_gain")
    tally = compare_gains(table[table["split"] == "train"], table[table["split"] == "test"])
    if tally.total:
        evidence = (
            f"The gain is clearly smaller on test than on train models in {tally.better} of {tally.total} comparisons, "
            f"and clearly larger in {tally.worse}; their prompts differ, too."
        )
        claim = "Heads over-fit: they gain less on test models than on the models that they are trained on."
        yield Finding(claim, tally.verdict, evidence, results.shown.method)


def compare_gains(train: pd.DataFrame, test: pd.DataFrame) -> Tally:
    """Counts cells whose gain on train models is larger, or smaller, than that on test models.

    The models differ, so the gains are independent, and the interval of their difference follows from both intervals
    (Zou and Donner 2008): its distance from the difference is the root of the sum of two squared distances.
    """
    gain, on = ["mAP_gain", "mAP_gain_low", "mAP_gain_high"], ["encoder", *CELL]
    if not set(gain) <= set(train):
        return Tally(0, 0, 0)
    pairs = train[[*on, *gain]].merge(test[[*on, *gain]], on=on, suffixes=("", "_test")).dropna()
    a, a_low, a_high, b, b_low, b_high = pairs[[*gain, *(f"{name}_test" for name in gain)]].to_numpy(float).T
    larger, smaller = a - b > np.hypot(a - a_low, b_high - b), b - a > np.hypot(a_high - a, b - b_low)
    return Tally(int(larger.sum()), int(smaller.sum()), len(pairs))

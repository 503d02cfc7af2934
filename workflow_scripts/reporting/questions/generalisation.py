"""Do heads over-fit? The same measures on the models that heads are trained on, and on others."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import FAILS, HOLDS, Finding, tally_pairs
from workflow_scripts.reporting.results import Results, whole_cells
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
    return figures.curves(table.iloc[order], "split", "mAP", "split", "generalisation")


def caption(results: Results) -> str:
    means = 100 * results.learned(rows(results), "object").groupby("split")["mAP"].mean()
    parts = ", ".join(f"{means[split]:.1f} % on {split}" for split in SPLITS if split in means)
    text = f"mAP of the {results.shown.head} head (solid) and of untuned features (dashed)."
    return f"{text} The head's mean on objects: {parts}."


def findings(results: Results) -> Iterator[Finding]:
    table = results.learned(rows(results), "object").dropna(subset="mAP_gain")
    if table["split"].nunique() < 2:
        return
    tally = tally_pairs(table[table["split"] == "train"], table[table["split"] == "test"], "mAP_gain")
    if tally.total:
        evidence = (
            f"The gain is clearly smaller on test than on train models in {tally.worse} of {tally.total} comparisons; "
            "their prompts differ, too."
        )
        claim = "Heads do not over-fit: what they gain on train models they gain on test models."
        yield Finding(claim, FAILS if tally.worse else HOLDS, evidence, results.shown.method)

"""What questions that compare views of a cell share: bars beside each other, and a sentence about two of the views."""

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.results import Results


def figure(rows: pd.DataFrame, name: str) -> str:
    return figures.bars(rows, "mAP", figures.labels_of(rows, "head", "view"), name)


def caption(results: Results, first: str, second: str) -> str:
    means = results.learned(results.views(first, second), "object").groupby("view")[results.shown.recall].mean()
    if not {first, second} <= set(means.index):
        return f"mAP by view, {first} and {second} among them."
    return (
        f"mAP by view. Averaged over image encoders with the {results.shown.head} head, objects: "
        f"{results.shown.recall.capitalize()} is {100 * means[first]:.1f} % in the view {first} and "
        f"{100 * means[second]:.1f} % in the view {second}."
    )

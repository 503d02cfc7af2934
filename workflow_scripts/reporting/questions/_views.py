"""What questions that compare views of a cell share: bars beside each other, and a sentence about two of the views."""

from collections.abc import Callable

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.results import Results

Functions = tuple[Callable[[Results], pd.DataFrame], Callable[[Results], str], Callable[[Results], str]]


def compare(name: str, first: str, second: str, *others: str) -> Functions:
    """`rows`, `figure` and `caption` of the question of this name; the caption is about the first and second view."""

    def rows(results: Results) -> pd.DataFrame:
        return results.views(first, second, *others)

    def figure(results: Results) -> str:
        table = rows(results)
        return figures.bars(table, "mAP", figures.labels_of(table, "head", "view"), name)

    def caption(results: Results) -> str:
        means = results.learned(results.views(first, second), "object").groupby("view")[results.shown.recall].mean()
        if not {first, second} <= set(means.index):
            return f"mAP by view, {first} and {second} among them."
        return (
            f"mAP by view. Averaged over image encoders with the {results.shown.head} head, objects: "
            f"{results.shown.recall.capitalize()} is {100 * means[first]:.1f} % in the view {first} and "
            f"{100 * means[second]:.1f} % in the view {second}."
        )

    return rows, figure, caption

"""Questions that compare views of a cell: their rows, their bars, and a caption about two of the views."""

from collections.abc import Callable

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.results import Results

Functions = tuple[Callable[[Results], pd.DataFrame], Callable[[Results], str], Callable[[Results], str]]


def compare(name: str, first: str, second: str, *others: str) -> Functions:
    """`rows`, `figure` and `caption` of a question; the caption is about the first two views."""

    def rows(results: Results) -> pd.DataFrame:
        return results.views(first, second, *others)

    def figure(results: Results) -> str:
        return figures.bars(rows(results), "mAP", name, figures.palette(results.table), "head", "view")

    def caption(results: Results) -> str:
        means = results.learned(results.views(first, second), "object").groupby("view")[results.shown.recall].mean()
        if not {first, second} <= set(means.index):
            return f"mAP by view, among them {first} and {second}."
        return (
            f"mAP by view. With the {results.shown.head} head, {results.shown.recall.capitalize()} on objects is "
            f"{100 * means[first]:.1f} % in the view {first} and {100 * means[second]:.1f} % in the view {second}, "
            "averaged over image encoders."
        )

    return rows, figure, caption

"""Figures of the report, as SVG: the same input gives the same bytes, and text and axes follow the page's colour."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.metrics.evaluation import INFLUENCE_BINS
from workflow_scripts.reporting.table import CELL, METHOD, RANDOM

matplotlib.use("svg")
INK = "#010203"  # becomes `currentColor`, so that a page in the dark inverts it
UNTUNED = "#9aa3ad"
TUNED = ("#2f7fd0", "#d9822b", "#3a9d6e", "#a05bc5", "#c94f5d", "#7d7d2a")
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def to_svg(figure: Figure, name: str) -> str:
    """The figure as SVG text; `name` keeps the ids of figures on one page apart."""
    buffer = io.StringIO()
    with plt.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return buffer.getvalue().replace(INK, "currentColor")


def bars(table: pd.DataFrame, metric: str) -> str:
    """A panel per cell: the metric of every encoder, untuned beside tuned, with intervals, chance and ceiling."""
    table = table[table["artists"] == "all"]
    random, methods = table[table["method"] == RANDOM["method"]], table[table["method"] != RANDOM["method"]]
    cases, prompt_sets = list(dict.fromkeys(table["case"])), list(dict.fromkeys(table["prompt_set"]))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(prompt_sets),
            len(cases),
            squeeze=False,
            sharey="col",
            figsize=(2.9 * len(cases), 2.6 * len(prompt_sets)),
        )
        for row, prompt_set in enumerate(prompt_sets):
            for column, case in enumerate(cases):
                ax = axes[row, column]
                cell = {"case": case, "prompt_set": prompt_set}
                _bars_of_cell(ax, _only(methods, cell), _only(random, cell), metric, series(methods))
                ax.set_title(f"{case}, {prompt_set} prompts")
                ax.set_ylabel(f"{metric} (%)" if column == 0 else "")
        for ax in axes.flat:  # last: a limit that is set ends the automatic one of the whole column
            ax.set_ylim(bottom=0)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=6)
        figure.tight_layout()
    return to_svg(figure, metric)


def series(methods: pd.DataFrame) -> list[str]:
    """What is drawn beside each other: untuned first, then each method, head and training set."""
    labels = dict.fromkeys(_series_of(methods))
    return sorted(labels, key=lambda label: label != "untuned")


def _series_of(methods: pd.DataFrame) -> list[str]:
    """The label of each row. All identity heads of an encoder rank alike, whatever their training set."""
    several = methods["method"].nunique() > 1
    return [
        "untuned"
        if row.head == "identity"
        else f"{row.head}, trained on {row.training_set}"
        if not several
        else f"{row.method}: {row.head}, {row.training_set}"
        for row in methods.itertuples()
    ]


def _bars_of_cell(ax: Axes, rows: pd.DataFrame, random: pd.DataFrame, metric: str, labels: Sequence[str]) -> None:
    rows = rows.assign(series=_series_of(rows)).drop_duplicates(["encoder", "series"])
    encoders = list(dict.fromkeys(rows["encoder"]))
    width = 0.8 / len(labels)
    for i, label in enumerate(labels):
        part = rows[rows["series"] == label].set_index("encoder").reindex(encoders)
        x = np.arange(len(encoders)) + (i - (len(labels) - 1) / 2) * width
        value = 100 * part[metric].to_numpy(float)
        ends = 100 * part[[f"{metric}_low", f"{metric}_high"]].to_numpy(float)
        color = UNTUNED if label == "untuned" else TUNED[(i - 1) % len(TUNED)]
        ax.bar(x, value, width * 0.92, color=color, label=label)
        errors = np.nan_to_num(np.abs(ends.T - value))  # no interval, no whisker
        ax.errorbar(x, value, errors, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
        for place in x[np.isnan(value)]:
            ax.text(place, 0, " missing", rotation=90, ha="center", va="bottom", fontsize=8)
    if len(random):
        chance = random.iloc[0]
        ax.axhline(100 * chance[metric], color=INK, linewidth=0.8, linestyle=":", label="random ranking")
        ceiling = chance.get(f"{metric}_ceiling", 1.0)
        if ceiling < 1:
            ax.axhline(100 * ceiling, color=INK, linewidth=0.8, linestyle="--", label="ceiling")
    ax.set_xticks(range(len(encoders)), [name.replace("_", "\n") for name in encoders])


def _only(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    return table[np.logical_and.reduce([table[key] == value for key, value in values.items()])]


def reliability(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Given against true influence of the top candidates, per encoder, untuned and tuned, all cells together."""
    bins = pd.DataFrame(
        [
            {**{key: record[key] for key in METHOD + CELL}, **point}
            for record in metrics
            for point in record["reliability"]
        ]
    )
    bins["series"] = _series_of(bins)
    encoders, labels = list(dict.fromkeys(bins["encoder"])), series(bins)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(encoders), squeeze=False, sharey=True, figsize=(2.9 * len(encoders), 3))
        for ax, encoder in zip(axes[0], encoders, strict=True):
            ax.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=":", label="perfectly calibrated")
            for i, label in enumerate(labels):
                points = _pooled(bins[(bins["encoder"] == encoder) & (bins["series"] == label)])
                color = UNTUNED if label == "untuned" else TUNED[(i - 1) % len(TUNED)]
                ax.plot(points["given"], points["true"], marker="o", markersize=4, color=color, label=label)
            ax.set(title=encoder, xlabel="influence given (%)", xlim=(0, None), ylim=(0, None))
        axes[0, 0].set_ylabel("true influence (%)")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4)
        figure.tight_layout()
    return to_svg(figure, "reliability")


def _pooled(points: pd.DataFrame) -> pd.DataFrame:
    """Joins the same bin of all cells, weighted by their number of candidates."""
    weighted = points.assign(bin=np.digitize(points["given"], INFLUENCE_BINS[1:-1]))
    weighted = weighted.assign(given=points["given"] * points["n"], true=points["true"] * points["n"])
    sums = weighted.groupby("bin")[["given", "true", "n"]].sum()
    return sums[["given", "true"]].div(sums["n"], axis=0)


def history(histories: Mapping[str, pd.DataFrame]) -> str:
    """Loss and mAP on val by epoch of each head; histories with one row (nothing learned) are left out."""
    learned = {name: table for name, table in histories.items() if len(table) > 1}
    with plt.rc_context(STYLE):
        figure, (loss, val) = plt.subplots(1, 2, figsize=(9, 3))
        for i, (name, table) in enumerate(learned.items()):
            color = TUNED[i % len(TUNED)]
            loss.plot(table["epoch"], table["loss"], color=color, label=name)
            val.plot(table["epoch"], 100 * table["val_mAP"], color=color)
            best = table["val_mAP"].idxmax()
            val.plot(table["epoch"][best], 100 * table["val_mAP"][best], marker="o", color=color)
        loss.set(xlabel="epoch", ylabel="training loss")
        val.set(xlabel="epoch", ylabel="mAP on val (%)")
        if learned:
            figure.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3)
        figure.tight_layout()
    return to_svg(figure, "history")

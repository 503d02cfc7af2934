"""Figures of the report, as SVG: the same input gives the same bytes, and text and axes follow the page's colour.

Bars compare heads, training sets or views in every cell; curves show how a metric goes with the size of something.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.evaluation.cells import INFLUENCE_BINS
from workflow_scripts.reporting.questions import TUNED, UNTUNED
from workflow_scripts.reporting.table import RANDOM

matplotlib.use("svg")
INK = "#010203"  # becomes `currentColor`, so that a page in the dark inverts it
GREY = "#9aa3ad"
COLOURS = ("#2f7fd0", "#d9822b", "#3a9d6e", "#a05bc5", "#c94f5d", "#7d7d2a")
UNTUNED_LABEL = "untuned"
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


def _panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    size = (width * columns, height * rows)
    return plt.subplots(rows, columns, squeeze=False, sharey="col", figsize=size)


def _finish(figure: Figure, axes: np.ndarray, name: str, columns: int) -> str:
    """One legend below for all panels, zero at the bottom of each."""
    for ax in axes.flat:  # last: a limit that is set ends the automatic one of the whole column
        ax.set_ylim(bottom=0)
    entries = {label: handle for ax in axes.flat for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns)
    figure.tight_layout()
    return to_svg(figure, name)


def bars(rows: pd.DataFrame, metric: str, series: pd.Series, name: str) -> str:
    """A panel per cell: the metric of every encoder, a bar for each series, with intervals, chance and ceiling.

    Args:
        series: label of each row; `UNTUNED_LABEL` stands first, in grey.
    """
    rows = rows.assign(series=series)
    random, methods = rows[rows["method"] == RANDOM["method"]], rows[rows["method"] != RANDOM["method"]]
    cases, prompt_sets = list(dict.fromkeys(rows["case"])), list(dict.fromkeys(rows["prompt_set"]))
    labels = sorted(dict.fromkeys(methods["series"]), key=lambda label: label != UNTUNED_LABEL)
    encoders = list(dict.fromkeys(methods["encoder"]))
    with plt.rc_context(STYLE):
        figure, axes = _panels(len(prompt_sets), len(cases), 0.5 + 0.62 * len(encoders), 2.6)
        for line, prompt_set in zip(axes, prompt_sets, strict=True):
            for ax, case in zip(line, cases, strict=True):
                cell = {"case": case, "prompt_set": prompt_set}
                _bars_of_cell(ax, _only(methods, cell), _only(random, cell), metric, labels, encoders)
                ax.set_title(f"{case}, {prompt_set}")
            line[0].set_ylabel(f"{metric} (%)")
        return _finish(figure, axes, name, 5)


def _bars_of_cell(
    ax: Axes, rows: pd.DataFrame, random: pd.DataFrame, metric: str, labels: Sequence[str], encoders: Sequence[str]
) -> None:
    width = 0.8 / len(labels)
    for i, label in enumerate(labels):
        part = rows[rows["series"] == label].drop_duplicates("encoder").set_index("encoder")
        missing = set(part.index[part[metric].isna()])  # other than what the cell does not have by design
        part = part.reindex(encoders)
        x = np.arange(len(encoders)) + (i - (len(labels) - 1) / 2) * width
        value, errors = _with_errors(part, metric)
        ax.bar(x, value, width * 0.92, color=_colour(i, labels), label=label)
        ax.errorbar(x, value, errors, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        for place in x[[encoder in missing for encoder in encoders]]:
            ax.text(place, 0, " missing", rotation=90, ha="center", va="bottom", fontsize=7)
    if len(random):
        chance = random.iloc[0]
        ax.axhline(100 * chance[metric], color=INK, linewidth=0.8, linestyle=":", label="random ranking")
        ceiling = chance.get(f"{metric}_ceiling", 1.0)
        if ceiling < min(1, 2 * rows[metric].max()):  # a far one would flatten the bars
            ax.axhline(100 * ceiling, color=INK, linewidth=0.8, linestyle="--", label="ceiling")
    ax.set_xticks(range(len(encoders)), [name.replace("_", "\n") for name in encoders], fontsize=8)


def _with_errors(rows: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Values in percent [n] and the lengths of their whiskers [2, n]; no interval, no whisker."""
    value = 100 * rows[metric].to_numpy(float)
    ends = 100 * rows[[f"{metric}_low", f"{metric}_high"]].to_numpy(float)
    return value, np.nan_to_num(np.abs(ends.T - value))


def _colour(i: int, labels: Sequence[str]) -> str:
    grey = labels[0] == UNTUNED_LABEL
    return GREY if grey and i == 0 else COLOURS[(i - grey) % len(COLOURS)]


def _only(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    return table[np.logical_and.reduce([table[key] == value for key, value in values.items()])]


def curves(rows: pd.DataFrame, x: str, metric: str, label: str, name: str, log: bool = False) -> str:
    """A panel per cell: the metric along the column `x`, a line for each encoder; untuned features are dashed.

    Args:
        label: of the axis.
        log: whether the axis is logarithmic.
    """
    cases, prompt_sets = list(dict.fromkeys(rows["case"])), list(dict.fromkeys(rows["prompt_set"]))
    encoders = [encoder for encoder in dict.fromkeys(rows["encoder"]) if encoder != RANDOM["encoder"]]
    ticks = list(dict.fromkeys(rows[x]))  # words stand in the order of the rows
    ticks = sorted(ticks) if pd.api.types.is_numeric_dtype(rows[x]) else ticks
    with plt.rc_context(STYLE):
        figure, axes = _panels(len(prompt_sets), len(cases), 3.1, 2.5)
        for line, prompt_set in zip(axes, prompt_sets, strict=True):
            for ax, case in zip(line, cases, strict=True):
                part = _only(rows, {"case": case, "prompt_set": prompt_set})
                _curves_of_cell(ax, part, x, metric, encoders, ticks)
                ax.set(title=f"{case}, {prompt_set}", xscale="log" if log else "linear")
                ax.set_xticks(*_ticks(ticks), fontsize=7)
                ax.minorticks_off()
            line[0].set_ylabel(f"{metric} (%)")
        for ax in axes[-1]:
            ax.set_xlabel(label)
        return _finish(figure, axes, name, 4)


def _ticks(values: Sequence[Any]) -> tuple[list, list[str]]:
    if isinstance(values[0], str):
        return list(range(len(values))), list(values)
    return list(values), [f"{value:.0%}" if isinstance(value, float) else str(value) for value in values]


def _curves_of_cell(
    ax: Axes, rows: pd.DataFrame, x: str, metric: str, encoders: Sequence[str], ticks: Sequence[Any]
) -> None:
    place = {value: i if isinstance(value, str) else value for i, value in enumerate(ticks)}
    lines = [(encoder, head) for encoder in encoders for head in dict.fromkeys(rows["head"]) if head != "-"]
    for encoder, head in lines:
        part = rows[(rows["encoder"] == encoder) & (rows["head"] == head)]
        if part.empty:
            continue
        part = part.assign(place=part[x].map(place)).sort_values("place")
        value, errors = _with_errors(part, metric)
        style = {"linestyle": "--", "alpha": 0.7} if head == UNTUNED else {"marker": "o", "markersize": 3}
        color = COLOURS[encoders.index(encoder) % len(COLOURS)]
        text = f"{encoder}, {UNTUNED_LABEL if head == UNTUNED else head}"
        ax.errorbar(part["place"], value, errors, color=color, elinewidth=0.6, capsize=1.5, label=text, **style)
    chance = rows[rows["method"] == RANDOM["method"]].sort_values(x)
    if len(chance):
        ax.plot(
            chance[x].map(place), 100 * chance[metric], color=INK, linewidth=0.8, linestyle=":", label="random ranking"
        )


def reliability(points: pd.DataFrame) -> str:
    """Given against true influence of the top candidates, per encoder, a line for each head, all cells together.

    Args:
        points: a row per bin of a cell, with the columns encoder, head, given, true and n.
    """
    encoders = list(dict.fromkeys(points["encoder"]))
    heads = sorted(dict.fromkeys(points["head"]), key=lambda head: head != UNTUNED)
    labels = [UNTUNED_LABEL if head == UNTUNED else head for head in heads]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(encoders), squeeze=False, sharey=True, figsize=(2.6 * len(encoders), 3))
        for ax, encoder in zip(axes[0], encoders, strict=True):
            ax.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=":", label="perfectly calibrated")
            for i, head in enumerate(heads):
                pooled = _pooled(points[(points["encoder"] == encoder) & (points["head"] == head)])
                color = _colour(i, labels)
                ax.plot(pooled["given"], pooled["true"], marker="o", markersize=4, color=color, label=labels[i])
            ax.set(title=encoder, xlabel="influence given (%)", xlim=(0, None))
        axes[0, 0].set_ylabel("true influence (%)")
        return _finish(figure, axes, "reliability", 5)


def _pooled(points: pd.DataFrame) -> pd.DataFrame:
    """Joins the same bin of all cells, weighted by their number of candidates."""
    weighted = points.assign(bin=np.digitize(points["given"], INFLUENCE_BINS[1:-1]))
    weighted = weighted.assign(given=points["given"] * points["n"], true=points["true"] * points["n"])
    sums = weighted.groupby("bin")[["given", "true", "n"]].sum()
    return sums[["given", "true"]].div(sums["n"], axis=0)


def _nothing(name: str) -> str:
    """A figure that says that the study has nothing to show here."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(5, 0.5))
        figure.text(0.5, 0.5, "this study has no results of this kind", ha="center", va="center")
        return to_svg(figure, name)


def history(histories: Mapping[str, pd.DataFrame]) -> str:
    """MAP on train and val by epoch of each encoder's linear head, a line per temperature; the best is marked."""
    if not histories:
        return _nothing("history")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(histories), squeeze=False, figsize=(3.1 * len(histories), 2.8))
        for ax, (encoder, table) in zip(axes[0], histories.items(), strict=True):
            for i, (temperature, part) in enumerate(table.groupby("temperature", sort=False)):
                color = COLOURS[i % len(COLOURS)]
                ax.plot(part["epoch"], 100 * part["train_mAP"], color=color, linestyle="--", alpha=0.7)
                ax.plot(part["epoch"], 100 * part["val_mAP"], color=color, label=f"ν = {temperature:g}")
            best = table.loc[table["val_mAP"].idxmax()]
            ax.plot(best["epoch"], 100 * best["val_mAP"], marker="o", color=INK, markersize=5)
            ax.set(title=encoder, xlabel="epoch")
        axes[0, 0].set_ylabel("mAP among the split's exemplars (%)")
        return _finish(figure, axes, "history", 4)


def labels_of(rows: pd.DataFrame, *columns: str) -> pd.Series:
    """A label for each row from some columns; the identity head becomes `untuned`."""
    names = rows["head"].map({UNTUNED: UNTUNED_LABEL}).fillna(rows["head"])
    parts = [names if column == "head" else rows[column].astype(str) for column in columns]
    return pd.Series([", ".join(texts) for texts in zip(*parts, strict=True)], rows.index)


def draw(question: str, rows: pd.DataFrame) -> str:
    """The figure of a question (see `questions.QUESTIONS`), from its rows."""
    if rows.empty:
        return _nothing(question)
    match question:
        case "tuning":
            return bars(rows, "recall@10", labels_of(rows, "head"), question)
        case "training_sets":
            tuned = "on " + rows["training_set"]
            return bars(rows, "mAP", tuned.where(rows["head"] == TUNED, UNTUNED_LABEL), question)
        case "difficulty" | "protocols" | "artists":
            return bars(rows, "mAP", labels_of(rows, "head", "view"), question)
        case "set_sizes":
            return curves(
                rows[rows["head"].isin([UNTUNED, TUNED, "-"])], "set_size", "mAP", "exemplars", question, True
            )
        case "generalisation":
            order = rows["split"].map({"train": 0, "val": 1, "test": 2})
            return curves(rows.iloc[np.argsort(order, kind="stable")], "split", "mAP", "split", question)
        case "learning_curve":
            tests = rows[rows["split"] == "test"]
            tuned = tests.assign(head=TUNED)  # share 0 starts the line
            return curves(tuned, "share", "mAP", "share of the training models", question)
    raise ValueError(f"no figure for the question {question!r}")

"""Figures of the report, as SVG: the same input gives the same bytes, and text and axes have the page's text colour.

Bars compare heads, training sets or views in every cell; curves show a metric against a size or a share.
"""

import io
import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.reporting.table import BETTER, RANDOM, is_random
from workflow_scripts.study.study import UNTUNED

matplotlib.use("svg")
Style = dict[str, str]  # of matplotlib
INK = "#010203"  # becomes `currentColor`, which is light on a dark page
GREY = "#9aa3ad"
ENCODERS = ("#2f7fd0", "#d9822b", "#3a9d6e", "#a05bc5", "#c94f5d", "#7d7d2a")
SERIES = ("#17748a", "#b0713f", "#5560a8", "#b0579a", "#5f8f2f", "#8a6d12")
HATCHES = ("", "///", "...", "xxx")  # of the views of one head
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
    """The figure as SVG; `name` makes its ids differ from those of other figures on the page."""
    buffer = io.StringIO()
    with plt.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return buffer.getvalue().replace(INK, "currentColor")


def palette(table: pd.DataFrame) -> dict[str, str]:
    """The colour of every encoder, head and training set in all numbers of a study: the same in each of its figures."""
    names = {column: dict.fromkeys(table.loc[~is_random(table), column]) for column in ("encoder", "head")}
    series = [name for name in names["head"] if name != UNTUNED]
    series += [on(name) for name in dict.fromkeys(table.loc[~is_random(table), "training_set"])]
    cycles = ((names["encoder"], ENCODERS), (series, SERIES))
    return {UNTUNED: GREY} | {
        name: colour for some, cycle in cycles for name, colour in zip(some, itertools.cycle(cycle))
    }


def label(name: str) -> str:
    """A head, training set or view in a legend."""
    return UNTUNED_LABEL if name == UNTUNED else name


def on(training_set: str) -> str:
    """What a series of figures is called that shows a training set."""
    return f"on {training_set}"


def panels(rows: pd.DataFrame, metric: str, width: float, height: float) -> tuple[Figure, list]:
    """An empty panel for each cell: a column for each case, a line for each method and prompt set.

    Returns:
        The figure, and for each panel its axes and the rows of its cell, with those of a random ranking.
    """
    random = is_random(rows)
    methods, cases, prompt_sets = (list(dict.fromkeys(rows[name])) for name in ("method", "case", "prompt_set"))
    methods = [name for name in methods if name != RANDOM["method"]]
    lines = list(itertools.product(methods, prompt_sets))
    shape = {"squeeze": False, "figsize": (width * len(cases), height * len(lines))}
    figure, axes = plt.subplots(len(lines), len(cases), sharey="col", **shape)
    cells = []
    for line, (method, prompt_set) in zip(axes, lines, strict=True):
        line[0].set_ylabel(f"{metric} (%)")
        for ax, case in zip(line, cases, strict=True):
            ax.set_title(f"{case}, {prompt_set}" + (f"\n{method}" if len(methods) > 1 else ""))
            cell = (rows["case"] == case) & (rows["prompt_set"] == prompt_set)
            cells.append((ax, rows[cell & (random | (rows["method"] == method))]))
    return figure, cells


def finish(figure: Figure, name: str, columns: int) -> str:
    """Adds a legend for all panels, starts each y axis at zero, and returns the SVG."""
    for ax in figure.axes:  # at the end, since a fixed limit stops the automatic limits of the whole column
        ax.set_ylim(bottom=0)
    handles = [zip(*ax.get_legend_handles_labels(), strict=True) for ax in figure.axes]
    entries = {label: handle for pairs in handles for handle, label in pairs}
    figure.legend(entries.values(), entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns)
    figure.tight_layout()
    return to_svg(figure, name)


def nothing(name: str) -> str:
    """A figure that says that the study has no such results."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(5, 0.5))
        figure.text(0.5, 0.5, "this study has no results of this kind", ha="center", va="center")
        return to_svg(figure, name)


def bars(rows: pd.DataFrame, metric: str, name: str, colours: Mapping[str, str], *columns: str) -> str:
    """A panel per cell: the metric of every encoder, a bar for each series, with intervals, chance and ceiling.

    A star stands on the bars that gain clearly in mAP; see `table.changes`.

    Args:
        colours: of `palette`.
        columns: those that make a series. The first decides its colour, the others its hatching; untuned features come
            first.
    """
    if rows.empty:
        return nothing(name)
    rows = rows.assign(series=list(map(tuple, rows[list(columns)].to_numpy())))
    scored = rows[~is_random(rows)]
    series = sorted(dict.fromkeys(scored["series"]), key=lambda texts: texts[0] != UNTUNED)
    hatches = dict(zip(dict.fromkeys(texts[1:] for texts in series), itertools.cycle(HATCHES)))
    styles = {texts: {"color": colours[texts[0]], "hatch": hatches[texts[1:]]} for texts in series}
    encoders = list(dict.fromkeys(scored["encoder"]))
    with plt.rc_context(STYLE):
        figure, cells = panels(rows, metric, 0.5 + 0.62 * len(encoders), 2.6)
        for ax, part in cells:
            _bars_of_cell(ax, part, metric, styles, encoders)
        return finish(figure, name, 5)


def _bars_of_cell(
    ax: Axes, rows: pd.DataFrame, metric: str, styles: Mapping[tuple[str, ...], Style], encoders: Sequence[str]
) -> None:
    """Draws the rows of a cell, a bar for each series, in its style."""
    random, rows = rows[is_random(rows)], rows[~is_random(rows)]
    width = 0.8 / len(styles)
    for i, (series, style) in enumerate(styles.items()):
        part = rows[rows["series"] == series].set_index("encoder")
        missing = set(part.index[part[metric].isna()])  # an encoder without a row is absent by design
        part = part.reindex(encoders)
        x = np.arange(len(encoders)) + (i - (len(styles) - 1) / 2) * width
        value, errors = _with_errors(part, metric)
        ax.bar(x, value, width * 0.92, label=", ".join(map(label, series)), edgecolor="white", linewidth=0, **style)
        ax.errorbar(x, value, errors, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        gained = (part["mAP_change"] == BETTER).to_numpy()
        if gained.any():
            above = (value + errors[1])[gained]
            ax.scatter(x[gained], above, s=22, marker="*", color=INK, linewidths=0, label="clear gain in mAP", zorder=3)
        for place in x[[encoder in missing for encoder in encoders]]:
            ax.text(place, 0, " missing", rotation=90, ha="center", va="bottom", fontsize=7)
    if len(random):
        chance = random.iloc[0]
        ax.axhline(100 * chance[metric], color=INK, linewidth=0.8, linestyle=":", label="random ranking")
        ceiling = chance.get(f"{metric}_ceiling", 1.0)
        if ceiling < min(1, 2 * rows[metric].max()):  # a much higher one would flatten the bars
            ax.axhline(100 * ceiling, color=INK, linewidth=0.8, linestyle="--", label="ceiling")
    ax.set_xticks(range(len(encoders)), [name.replace("_", "\n") for name in encoders], fontsize=8)


def _with_errors(rows: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Values in percent [n] and the lengths of their whiskers [2, n], 0 without an interval."""
    value = 100 * rows[metric].to_numpy(float)
    ends = 100 * rows[[f"{metric}_low", f"{metric}_high"]].to_numpy(float)
    return value, np.nan_to_num(np.abs(ends.T - value))


def curves(
    rows: pd.DataFrame, x: str, metric: str, title: str, name: str, colours: Mapping[str, str], log: bool = False
) -> str:
    """A panel per cell: the metric against the column `x`, a line for each encoder; untuned features are dashed.

    Args:
        title: of the x axis.
        colours: of `palette`.
        log: whether the x axis is logarithmic.
    """
    if rows.empty:
        return nothing(name)
    encoders = [encoder for encoder in dict.fromkeys(rows["encoder"]) if encoder != RANDOM["encoder"]]
    words = not pd.api.types.is_numeric_dtype(rows[x])
    ticks = list(dict.fromkeys(rows[x] if words else sorted(rows[x])))  # words in the order of the rows
    places = dict(zip(ticks, range(len(ticks)) if words else ticks, strict=True))
    texts = [f"{tick:.0%}" if isinstance(tick, float) else str(tick) for tick in ticks]
    with plt.rc_context(STYLE):
        figure, cells = panels(rows, metric, 3.1, 2.5)
        for ax, part in cells:
            _curves_of_cell(ax, part.assign(place=part[x].map(places)), metric, encoders, colours)
            ax.set(xscale="log" if log else "linear")
            ax.set_xticks(list(places.values()), texts, fontsize=7)
            ax.minorticks_off()
            if ax.get_subplotspec().is_last_row():
                ax.set_xlabel(title)
        return finish(figure, name, 4)


def _curves_of_cell(
    ax: Axes, rows: pd.DataFrame, metric: str, encoders: Sequence[str], colours: Mapping[str, str]
) -> None:
    """Draws the rows of a cell; their column `place` is the place on the x axis."""
    heads = [head for head in dict.fromkeys(rows["head"]) if head != RANDOM["head"]]
    for encoder, head in itertools.product(encoders, heads):
        part = rows[(rows["encoder"] == encoder) & (rows["head"] == head)].sort_values("place")
        if part.empty:
            continue
        value, errors = _with_errors(part, metric)
        style = {"linestyle": "--", "alpha": 0.7} if head == UNTUNED else {"marker": "o", "markersize": 3}
        style |= {"color": colours[encoder], "label": f"{encoder}, {label(head)}"}
        ax.errorbar(part["place"], value, errors, elinewidth=0.6, capsize=1.5, **style)
    chance = rows[is_random(rows)].sort_values("place")
    if len(chance):
        style = {"color": INK, "linewidth": 0.8, "linestyle": ":", "label": "random ranking"}
        ax.plot(chance["place"], 100 * chance[metric], **style)

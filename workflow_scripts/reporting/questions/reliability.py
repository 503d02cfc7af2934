"""Is influence calibrated? The influence that candidates are given, against that of the ground truth."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from workflow_scripts.evaluation.cells import INFLUENCE_BINS
from workflow_scripts.reporting import figures
from workflow_scripts.reporting.results import Results
from workflow_scripts.study.study import UNTUNED

TITLE = "Is influence calibrated?"
TEXT = "The candidates with the most influence in each test sample, all cells together."
TABLE = False


def figure(results: Results) -> str:
    """A panel for each method and encoder, a line for each head."""
    points = results.points[results.is_default(results.points)]
    methods, encoders = (list(dict.fromkeys(points[name])) for name in ("method", "encoder"))
    heads = sorted(dict.fromkeys(points["head"]), key=lambda head: head != UNTUNED)
    colours = figures.palette(results.table)
    with plt.rc_context(figures.STYLE):
        size = (2.6 * len(encoders), 3 * len(methods))
        figure, axes = plt.subplots(len(methods), len(encoders), squeeze=False, sharey=True, figsize=size)
        diagonal = {"color": figures.INK, "linewidth": 0.8, "linestyle": ":", "label": "perfectly calibrated"}
        for method, line in zip(methods, axes, strict=True):
            line[0].set_ylabel("true influence (%)")
            for ax, encoder in zip(line, encoders, strict=True):
                ax.plot([0, 100], [0, 100], **diagonal)
                for head in heads:
                    names = {"method": method, "encoder": encoder, "head": head}
                    pooled = pool(points[(points[list(names)] == names).all(axis=1)])
                    style = {"marker": "o", "markersize": 4, "color": colours[head], "label": figures.label(head)}
                    ax.plot(pooled["given"], pooled["true"], **style)
                title = f"{encoder}\n{method}" if len(methods) > 1 else encoder
                ax.set(title=title, xlabel="influence given (%)", xlim=(0, None))
        return figures.finish(figure, "reliability", 5)


def pool(points: pd.DataFrame) -> pd.DataFrame:
    """The mean of each bin over all cells, weighted by the number of candidates."""
    weighted = points.assign(bin=np.digitize(points["given"], INFLUENCE_BINS[1:-1]))
    weighted = weighted.assign(given=points["given"] * points["n"], true=points["true"] * points["n"])
    sums = weighted.groupby("bin")[["given", "true", "n"]].sum()
    return sums[["given", "true"]].div(sums["n"], axis=0)


def caption(results: Results) -> str:
    return (
        "The influence that the best candidates are given, against their true influence. Points on the dotted line are "
        "calibrated; points below it are given too much."
    )

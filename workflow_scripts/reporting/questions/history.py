"""How were the heads trained? The training of the learned head, for each encoder."""

import numpy as np
from matplotlib import pyplot as plt

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.results import Results

TITLE = "How the heads were trained"
TEXT = "The learned head is trained at several temperatures, and the best epoch on val is kept."
TABLE = False


def figure(results: Results) -> str:
    """MAP on train and val by epoch, a panel for each encoder, a line for each temperature; the best is marked."""
    if not results.histories:
        return figures.nothing("history")
    with plt.rc_context(figures.STYLE):
        size = (3.1 * len(results.histories), 2.8)
        figure, axes = plt.subplots(1, len(results.histories), squeeze=False, figsize=size)
        for ax, (encoder, table) in zip(axes[0], results.histories.items(), strict=True):
            parts = table.groupby("temperature")
            shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(parts)))  # from the lowest to the highest
            for color, (temperature, part) in zip(shades, parts, strict=True):
                ax.plot(part["epoch"], 100 * part["train_mAP"], color=color, linestyle="--", alpha=0.7)
                ax.plot(part["epoch"], 100 * part["val_mAP"], color=color, label=f"ν = {temperature:g}")
            best = table.loc[table["val_mAP"].idxmax()]
            ax.plot(best["epoch"], 100 * best["val_mAP"], marker="o", color=figures.INK, markersize=5)
            ax.set(title=encoder, xlabel="epoch")
        axes[0, 0].set_ylabel("mAP among the split's exemplars (%)")
        return figures.finish(figure, "history", 4)


def caption(results: Results) -> str:
    if results.shown.head is None:
        return ""
    return (
        f"Training of the {results.shown.head} heads: mAP of train samples (dashed) and of val samples (solid) among "
        "the exemplars of their own split. The dot marks the epoch and temperature that are kept."
    )

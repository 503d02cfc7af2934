"""What the miniature's main job costs, rule by rule: a table and a stacked bar, so that the slowest step is in sight.

Reads the benchmark files that Snakemake wrote while `make demo` ran.

Example:
    python -m benchmarks.demo
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks import _compare, _study, _tables
from workflow_scripts import artifacts, cli
from workflow_scripts.reporting.effort import by_rule

NAMED = 0.04  # a rule with a smaller share has no room for its name


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--study", default="miniature", help="a study that was run")
    args = parser.parse_args()

    costs = by_rule(_study.needed(_study.ROOT / "results" / args.study / "benchmarks")).round(3)
    draw(costs, _compare.FOLDER / "results" / "demo.svg")
    _tables.write("demo", [], threads=1, study=args.study, rules=costs.to_dict("records"))


def draw(costs: pd.DataFrame, file: Path) -> None:
    """Draws the rules' minutes in one bar, as SVG."""
    total = costs["minutes"].sum()
    with plt.rc_context({"font.size": 9, "svg.hashsalt": "demo", "svg.fonttype": "none"}):
        figure, ax = plt.subplots(figsize=(9, 1.6))
        colours = plt.get_cmap("Set3").colors
        left = 0.0
        for i, (rule, minutes) in enumerate(zip(costs["rule"], costs["minutes"], strict=True)):
            ax.barh(0, minutes, left=left, color=colours[i % len(colours)], edgecolor="white", linewidth=0.5)
            if minutes > NAMED * total:
                ax.text(left + minutes / 2, 0, f"{rule}\n{minutes:.1f}", ha="center", va="center", fontsize=8)
            left += minutes
        ax.set(xlim=(0, total), yticks=[], xlabel="minutes of jobs, one core each")
        ax.spines[["top", "right", "left"]].set_visible(False)
        figure.tight_layout()
        with artifacts.atomic(file, sidecar=False) as part:
            figure.savefig(part, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    cli.run(main)

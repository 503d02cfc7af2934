"""Puts a study's results, and what it took to make them, into the README and the page of the base model.

Example:
    python -m workflow_scripts.steps.publish --table results/miniature/report/table.csv \\
        --calibrations results/miniature/report/tables/calibration.csv \\
        --quality docs/base_model.json --customizability docs/customizability.json \\
        --samples results/miniature/samples/emoji_seen/test_0000.json \\
        --benchmarks results/miniature/benchmarks --readme README.md --base-model-page docs/base_model.md
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import findings, questions
from workflow_scripts.reporting import table as tables
from workflow_scripts.reporting.effort import by_rule
from workflow_scripts.reporting.markdown import fill_page, header, row

SIGNIFICANT = 0.05
WIDTH = 120  # of the README's lines
LISTED_RULES = 6  # whose time is named


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--calibrations", type=Path, required=True, help="its CSV file of calibrations")
    parser.add_argument("--quality", type=Path, required=True, help="JSON file of step measure_base_model")
    parser.add_argument("--customizability", type=Path, required=True, help="JSON file of measure_customizability")
    parser.add_argument("--samples", type=Path, nargs="+", required=True, help="manifests of all samples")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of the study's benchmarks")
    parser.add_argument("--readme", type=Path, required=True, help="Markdown page to fill: results, findings, effort")
    parser.add_argument("--base-model-page", type=Path, required=True, help="likewise: quality, customizability")
    args = parser.parse_args()

    table = pd.read_csv(args.table)
    found = findings.findings(table, pd.read_csv(args.calibrations))
    blocks = {"results": results_table(table), "findings": findings_list(found)}
    fill_page(args.readme, blocks | {"effort": effort(args.samples, args.benchmarks)})
    quality = quality_table(artifacts.read_json(args.quality))
    customizability = customizability_table(artifacts.read_json(args.customizability))
    fill_page(args.base_model_page, {"quality": quality, "customizability": customizability})


def results_table(table: pd.DataFrame) -> str:
    """Recall@10 in percent per cell and encoder, untuned and tuned with its interval; bold where mAP gains."""
    whole = tables.ordered(tables.main_rows(questions.pair(questions.whole_cells(table))))
    whole = whole[whole.method != "random"]
    encoders = list(dict.fromkeys(whole.encoder))
    lines = header("test exemplars", "prompts", "models", "queries", *encoders)
    for (case, prompts), rows in whole.groupby(["case", "prompt_set"], sort=False):
        counts = [tables.number(rows.iloc[0][name]) for name in ("n_models", "n_queries")]
        lines.append(row(case, prompts, *counts, *(_untuned_and_tuned(rows[rows.encoder == e]) for e in encoders)))
    return "\n".join(lines) + "\n"


def _untuned_and_tuned(rows: pd.DataFrame) -> str:
    untuned, tuned = (rows[rows["head"] == head].iloc[0] for head in ("identity", "linear"))
    mark = "**" if tuned.mAP_gain > 0 and tuned.mAP_gain_p < SIGNIFICANT else ""
    return f"{tables.percent(untuned, 'recall@10')[0]} → {mark}{_with_interval(tuned, 'recall@10')}{mark}"


def _with_interval(row: pd.Series, metric: str) -> str:
    value, span = tables.percent(row, metric)
    return f"{value} ({span.replace(' to ', '–')})" if span else value


def findings_list(found: Sequence[findings.Finding]) -> str:
    """The paper's findings by what this study says of them."""
    lines = []
    for verdict in dict.fromkeys(finding.verdict for finding in found):
        claims = " ".join(finding.claim for finding in found if finding.verdict == verdict)
        lines.append(textwrap.fill(f"- **{verdict}**: {claims}", WIDTH, subsequent_indent="  "))
    return "\n".join(lines) + "\n"


def quality_table(quality: dict) -> str:
    """The base model's figures, beside chance and real held-out drawings."""
    lines = header(
        *("what a linear probe names", "chance", "in samples: top-1", "top-5"),
        *("in real held-out drawings: top-1", "top-5"),
    )
    for question in ("concept", "background", "size", "medium"):
        scores = quality[question]
        shares = [scores[of][top] for of in ("samples", "real") for top in ("top1", "top5")]
        lines.append(row(question, f"{scores['chance']:.1%}", *(f"{share:.1%}" for share in shares)))
    decoded = quality["reconstruction"]
    lines.append(f"\nReconstruction of {decoded['n']} pictures of held-out drawings: {decoded['psnr_db']:.1f} dB.")
    return "\n".join(lines) + "\n"


def customizability_table(measured: dict) -> str:
    """Recall of held-out exemplars by untuned features of plain samples."""
    lines = header("held-out exemplars", "encoder", "samples", "candidates", "Recall@1", "Recall@10")
    for case, encoders in measured["cases"].items():
        for encoder, scores in encoders.items():
            sizes = [tables.number(scores[name]) for name in ("models", "queries", "candidates")]
            spans = [scores[name] for name in ("recall@1", "recall@10")]
            shares = [f"{span['value']:.1%} ({100 * span['low']:.1f}–{100 * span['high']:.1f})" for span in spans]
            lines.append(row(f"{sizes[0]} of {case}", encoder, *sizes[1:], *shares))
    return "\n".join(lines) + "\n"


def effort(manifests: Sequence[Path], benchmarks: Path) -> str:
    """What the study made, and what that cost: time by rule, from Snakemake's own benchmarks.

    Args:
        manifests: of all samples.
    """
    entries = [(path.parent, entry) for path in manifests for entry in artifacts.read_json(path)["models"]]
    models = len({(folder, entry["model"]) for folder, entry in entries})
    samples = sum(entry["n"] for _, entry in entries)
    costs = by_rule(benchmarks)
    listed = costs[:LISTED_RULES]
    shown = ", ".join(f"{rule} {minutes:.1f}" for rule, minutes in zip(listed["rule"], listed["minutes"], strict=True))
    rest = costs["minutes"][LISTED_RULES:].sum()
    text = (
        f"{models:,} customized models and {samples:,} samples took {costs['minutes'].sum():.0f} core-minutes: "
        f"{shown}, the other rules {rest:.1f}."
    )
    return textwrap.fill(text, WIDTH) + "\n"


if __name__ == "__main__":
    cli.run(main)

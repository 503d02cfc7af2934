"""Writes a study's results, and the time that they took, into the README and the page of the base model.

Example:
    python -m workflow_scripts.steps.publish --table results/miniature/report/table.csv \\
        --calibrations results/miniature/report/tables/calibration.csv \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet --settings "$SETTINGS" \\
        --quality docs/base_model.json --customizability docs/customizability.json --gates docs/gates.json \\
        --samples results/miniature/samples/emoji_seen/test_0000.json \\
        --benchmarks results/miniature/benchmarks --readme README.md --base-model-page docs/base_model.md \\
        --provenance docs/published.json
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.miniature import gates
from workflow_scripts.reporting import findings
from workflow_scripts.reporting.effort import by_rule
from workflow_scripts.reporting.markdown import fill_page, header, row
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import bold, main_rows, number, percent
from workflow_scripts.study.settings.report import PublishSettings
from workflow_scripts.study.study import UNTUNED

WIDTH = 120  # of the README's lines
LISTED_RULES = 6  # whose time is named


def results_table(results: Results) -> str:
    """Recall@K in percent per cell and encoder, untuned and tuned with its interval; bold where mAP gains clearly."""
    rows = main_rows(whole_cells(results.pair()))
    encoders, several = list(dict.fromkeys(rows.encoder)), len(results.shown.methods) > 1
    lines = header("test exemplars", "prompts", *["method"] * several, "models", "queries", *encoders)
    for (case, prompts, method), part in rows.groupby(["case", "prompt_set", "method"], sort=False):
        counts = [number(part.iloc[0][name]) for name in ("n_models", "n_queries")]
        cells = [_untuned_and_tuned(part[part.encoder == encoder], results.shown.recall) for encoder in encoders]
        lines.append(row(case, prompts, *[method] * several, *counts, *cells))
    return "\n".join(lines) + "\n"


def _untuned_and_tuned(rows: pd.DataFrame, metric: str) -> str:
    """The values of one encoder in a cell; without a learned head there is one."""
    values = []
    for scored in rows.to_dict("records"):
        value, span = percent(scored, metric)
        if scored["head"] != UNTUNED:
            value = bold(f"{value} ({span.replace(' to ', '–')})" if span else value, scored)
        values.append(value)
    return " → ".join(values)


def findings_list(every: Sequence[findings.Finding]) -> str:
    """The paper's findings by verdict, and by method if there are several."""
    several = len({finding.method for finding in every}) > 1
    claims: dict[tuple[str, str], list[str]] = {}
    for finding in every:
        name = f" ({finding.method})" if several else ""
        claims.setdefault((finding.verdict, name), []).append(finding.claim)
    lines = [f"- **{verdict}**{name}: {' '.join(texts)}" for (verdict, name), texts in claims.items()]
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines) + "\n"


def quality_table(quality: dict) -> str:
    """The quality of the base model, beside chance and real held-out drawings."""
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


def gates_table(every: Sequence[gates.Gate]) -> str:
    """What must hold before the study is worth running, and whether it does."""
    lines = header("gate", "must be", "is", "holds")
    lines += [row(gate.name, gate.needs, gate.found, "yes" if gate.holds else "**no**") for gate in every]
    return "\n".join(lines) + "\n"


def prompts_table(prompts: Sequence[dict]) -> str:
    """Recall@10 of a perfect generator, untuned and centred, by prompt and encoder."""
    encoders = list(prompts[0]["encoders"])
    lines = header("splits", "prompts", "prompt", *encoders, "can be used")
    for prompt in prompts:
        values = [[prompt["encoders"][name][of]["value"] for of in ("raw", "centred")] for name in encoders]
        cells = [f"{raw:.0%} / {centred:.0%}" for raw, centred in values]
        named = [", ".join(prompt["splits"]), prompt["prompt_set"], prompt["template"]]
        lines.append(row(*named, *cells, "yes" if gates.usable(prompt) else "**no**"))
    return "\n".join(lines) + "\n"


def customizability_table(measured: dict) -> str:
    """Recall of val exemplars by untuned features of plain samples."""
    lines = header("exemplars", "encoder", "samples", "candidates", "Recall@1", "Recall@10")
    for case, encoders in measured["cases"].items():
        for encoder, scores in encoders.items():
            sizes = [number(scores[name]) for name in ("models", "queries", "candidates")]
            spans = [scores[name] for name in ("recall@1", "recall@10")]
            shares = [f"{span['value']:.1%} ({100 * span['low']:.1f}–{100 * span['high']:.1f})" for span in spans]
            lines.append(row(f"{sizes[0]} of {case}", encoder, *sizes[1:], *shares))
    return "\n".join(lines) + "\n"


def effort(manifests: Sequence[Path], benchmarks: Path) -> str:
    """The number of models and samples in the manifests of all samples, and the time by rule."""
    entries = [entry for path in manifests for entry in read_manifest(path)]
    models = len({(entry["file"].parent, entry["model"]) for entry in entries})
    samples = sum(entry["n"] for entry in entries)
    costs = by_rule(benchmarks)
    longest = costs[["rule", "minutes"]][:LISTED_RULES].to_numpy()
    named = ", ".join(f"{rule} {minutes:.1f}" for rule, minutes in longest)
    rest = costs["minutes"][LISTED_RULES:].sum()
    text = (
        f"{models:,} customized models and {samples:,} samples took {costs['minutes'].sum():.0f} core-minutes: "
        f"{named}, the other rules {rest:.1f}."
    )
    return textwrap.fill(text, WIDTH) + "\n"


@cli.command_line(
    PublishSettings,
    table=cli.file("CSV file of step tabulate"),
    calibrations=cli.file("its CSV file of calibrations"),
    quality=cli.file("JSON file of step measure_base_model"),
    customizability=cli.file("JSON file of measure_customizability"),
    gates=cli.file("JSON file of measure_gates"),
    samples=cli.files("manifests of all samples"),
    benchmarks=cli.file("folder of the study's benchmarks"),
    readme=cli.file("Markdown page to fill: results, findings, effort"),
    base_model_page=cli.file("likewise: gates, prompts, quality, customizability"),
    provenance=cli.file("JSON file to write: what both were made with"),
    exemplars=cli.files("parquet files of the cases that heads are trained on", required=False),
)
def main(args: cli.Args, settings: PublishSettings) -> None:
    results = Results.read(settings.shown, args.table, args.calibrations, args.exemplars)
    blocks = {"results": results_table(results), "findings": findings_list(findings.findings(results))}
    fill_page(args.readme, blocks | {"effort": effort(args.samples, args.benchmarks)})
    quality, customizability = map(artifacts.read_json, (args.quality, args.customizability))
    measured = artifacts.read_json(args.gates)
    blocks = {
        "gates": gates_table(gates.gates(measured, quality, customizability)),
        "prompts": prompts_table(measured["prompts"]),
        "quality": quality_table(quality),
        "customizability": customizability_table(customizability),
    }
    fill_page(args.base_model_page, blocks)
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance}, sidecar=False)

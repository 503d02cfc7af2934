"""Puts a study's results into the README, and a picture of exemplars beside their samples into docs/.

The README's tables stand between the lines `<!-- results -->` / `<!-- quality -->` and `<!-- end -->`.

Example:
    python -m workflow_scripts.steps.publish --table results/miniature/report/table.csv \\
        --quality docs/base_model.json --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --sample-manifests results/miniature/samples/emoji_seen/test_0000.json \\
        --readme README.md --picture docs/customized.png
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import table as tables
from workflow_scripts.seeds import derive_seed

COLUMNS, ROWS = 11, 10  # of the picture: an exemplar and its samples, one model a row


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--quality", type=Path, required=True, help="JSON file of step measure_base_model")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="exemplars of cases, for the picture")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="shards of the same cases")
    parser.add_argument("--readme", type=Path, required=True, help="Markdown file to fill")
    parser.add_argument("--picture", type=Path, required=True, help="PNG file to write")
    args = parser.parse_args()

    text = args.readme.read_text(encoding="utf-8")
    text = fill(text, "results", results_table(pd.read_csv(args.table)))
    text = fill(text, "quality", quality_table(artifacts.read_json(args.quality)))
    artifacts.write_text(args.readme, text)
    exemplars = pd.concat([artifacts.read_table(file) for file in args.exemplars])
    save_picture(args.picture, exemplars, args.sample_manifests)


def fill(text: str, name: str, block: str) -> str:
    """Replaces what stands between the marks `name` and `end`.

    Raises:
        ValueError: the marks are missing.
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"README: lacks the lines <!-- {name} --> and <!-- end -->")
    return pattern.sub(lambda match: match[1] + block + match[2], text)


def results_table(table: pd.DataFrame) -> str:
    """Per cell and encoder: Recall@10 and mAP in percent, untuned and tuned, with intervals."""
    lines = _header(
        *("test exemplars", "prompts", "encoder", "models", "queries"),
        *("Recall@10 untuned", "tuned", "mAP untuned", "tuned", "gain in mAP"),
    )
    whole = tables.ordered(table[(table.artists == "all") & (table.method != "random")])
    for (case, prompts, encoder), rows in whole.groupby(["case", "prompt_set", "encoder"], sort=False):
        untuned, tuned = (rows[rows["head"] == head].iloc[0] for head in ("identity", "linear"))
        cells = [case, prompts, encoder, tables.number(tuned.n_models), tables.number(tuned.n_queries)]
        for metric in ("recall@10", "mAP"):
            cells += [_with_interval(row, metric) for row in (untuned, tuned)]
        gain, p = tables.gain(tuned)
        lines.append(_row(*cells, f"{gain} (p {p})"))
    return "\n".join(lines) + "\n"


def _header(*names: str) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _with_interval(row: pd.Series, metric: str) -> str:
    value, span = tables.percent(row, metric)
    return f"{value} ({span.replace(' to ', '–')})" if span else value


def quality_table(quality: dict) -> str:
    """The base model's figures, beside chance and real held-out drawings."""
    lines = _header(
        *("what a linear probe names", "chance", "in samples: top-1", "top-5"),
        *("in real held-out drawings: top-1", "top-5"),
    )
    for question in ("concept", "background", "size", "medium"):
        scores = quality[question]
        shares = [scores[of][top] for of in ("samples", "real") for top in ("top1", "top5")]
        lines.append(_row(question, f"{scores['chance']:.1%}", *(f"{share:.1%}" for share in shares)))
    decoded = quality["reconstruction"]
    lines.append(f"\nReconstruction of {decoded['n']} pictures of held-out drawings: {decoded['psnr_db']:.1f} dB.")
    return "\n".join(lines) + "\n"


def save_picture(path: Path, exemplars: pd.DataFrame, manifests: Sequence[Path]) -> None:
    """One test model a row, chosen by hash: its exemplar, then samples of its prompts."""
    files: dict[str, list[Path]] = defaultdict(list)
    for manifest in manifests:
        for entry in artifacts.read_json(manifest)["models"]:
            files[entry["model"]].append(manifest.parent / entry["file"])
    rows = []
    for model in sorted(files, key=lambda name: derive_seed("picture", name))[:ROWS]:
        samples = pd.concat([artifacts.read_table(file) for file in files[model]])
        spread = samples.sort_values(["index", "prompt_set", "prompt_index"], kind="stable").image[: COLUMNS - 1]
        images = [exemplars[exemplars.model == model].image.iloc[0], *spread]
        rows.append(np.concatenate([artifacts.decode_image(data, model) for data in images], axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).quantize(256).save(path)  # half the bytes


if __name__ == "__main__":
    cli.run(main)

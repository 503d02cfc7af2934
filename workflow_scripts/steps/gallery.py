"""Makes a page of pictures: test samples, their true exemplars, and the top candidates with influence in percent.

The samples are a seeded choice over all cells; untuned and tuned features stand beside each other. The page holds all
its images and opens from the file system.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli, features
from workflow_scripts.reporting import pages
from workflow_scripts.reporting.gallery import Answer, Entry, Picture, answer, choose, match, share

Cell = tuple[str, str]  # case, prompt set
Scores = tuple[pd.DataFrame, pd.DataFrame]  # the chosen queries of a cell: untuned, tuned


def choose_queries(untuned: Sequence[Path], tuned: Sequence[Path], settings: Mapping) -> dict[Cell, Scores]:
    """Chooses the queries of each cell from its tuned scores, and finds them among the untuned."""
    chosen = {}
    for count, before, after in zip(share(settings["queries"], len(tuned)), untuned, tuned, strict=True):
        made = artifacts.read_provenance(after)["settings"]
        cell = {"case": made["case"], "prompt_set": made["prompt_set"], "encoder": settings["encoder"]}
        queries = choose(artifacts.read_table(after, expect=cell), count, settings["seed"], *cell.values())
        same = match(artifacts.read_table(before, expect=cell), queries)
        chosen[made["case"], made["prompt_set"]] = (same, queries)
    return chosen


def read_exemplars(files: Sequence[Path], models: set[str]) -> dict[str, dict[str, Picture]]:
    """Pictures of the models' exemplars, by case and id."""
    pictures = {}
    for file in files:
        table = artifacts.read_table(file, ["model", "k", "class", "image"], keep={"model": models})
        ids = [f"{model}/{k}" for model, k in zip(table["model"], table["k"], strict=True)]
        pictures[file.stem] = {
            name: Picture(name, *row) for name, row in zip(ids, table[["class", "image"]].to_numpy(object), strict=True)
        }
    return pictures


def read_distractors(file: Path, names: set[str]) -> dict[str, Picture]:
    """Pictures of the named distractors, by id."""
    table = artifacts.read_table(file, ["id", "class", "image"], keep={"id": names})
    return {row[0]: Picture(*row) for row in table[["id", "class", "image"]].to_numpy(object)}


def read_samples(manifests: Sequence[Path], chosen: Mapping[Cell, Scores]) -> dict[tuple, pd.Series]:
    """The chosen queries' rows of their sample files, by (case, prompt set, model, prompt index, index)."""
    wanted = {(*cell, model) for cell, (_, queries) in chosen.items() for model in queries["model"]}
    rows = {}
    for entry in (entry for manifest in manifests for entry in features.read_manifest(manifest)):
        key = (entry["case"], entry["prompt_set"], entry["model"])
        if key in wanted:
            for _, row in artifacts.read_table(entry["file"]).iterrows():
                rows[*key, row["prompt_index"], row["index"]] = row
    return rows


def make_entries(
    chosen: Mapping[Cell, Scores],
    samples: Mapping[tuple, pd.Series],
    exemplars: Mapping[str, Mapping[str, Picture]],
    distractors: Mapping[str, Picture],
) -> Iterator[Entry]:
    """Joins the chosen queries with all their pictures."""
    for (case, prompt_set), (untuned, tuned) in chosen.items():
        pictures = {**distractors, **exemplars[case]}
        for (_, before), (_, after) in zip(untuned.iterrows(), tuned.iterrows(), strict=True):
            sample = samples[case, prompt_set, after["model"], after["prompt_index"], after["index"]]
            true = [picture for name, picture in exemplars[case].items() if name.startswith(f"{after['model']}/")]
            answers: list[Answer] = [answer("Untuned", before, pictures), answer("Tuned", after, pictures)]
            picture = Picture(after["model"], after["class"], sample["image"])
            yield Entry(case, prompt_set, after["model"], sample["prompt"], picture, true, answers)


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--untuned", type=Path, nargs="+", required=True, help="scores of the identity head, per cell")
    parser.add_argument("--tuned", type=Path, nargs="+", required=True, help="scores of the learned head, in order")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="test shards of all cases")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of all cases")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file of the distractors")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    parser.add_settings()
    args = parser.parse_args()

    chosen = choose_queries(args.untuned, args.tuned, args.settings)
    tables = [table for scores in chosen.values() for table in scores]
    named = {name for table in tables for names in table["top_ids"] for name in names}
    entries = make_entries(
        chosen,
        read_samples(args.sample_manifests, chosen),
        read_exemplars(args.exemplars, {model for table in tables for model in table["model"]}),
        read_distractors(args.distractors, named),
    )
    artifacts.write_text(args.output, pages.render("gallery", entries=list(entries), **args.settings))


if __name__ == "__main__":
    cli.run(main)

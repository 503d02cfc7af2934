"""Makes a page of pictures: test samples, their true exemplars, and the top candidates with influence in percent.

Some samples are drawn at random, some chosen by rule, see `reporting.choice`; for every encoder untuned and tuned
features stand beside each other. The page holds all its images and opens from the file system.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.reporting import choice, lineage, pages
from workflow_scripts.reporting.gallery import Entry, Pictures, answer
from workflow_scripts.reporting.thumbnails import Sheet, shrunk_uri

SAMPLE = 256  # pixels, at most, of the samples on the page
Scores = dict[str, dict[str, pd.DataFrame]]  # of test queries, by case and encoder


def read_scores(files: Sequence[Path]) -> Scores:
    scores: Scores = {}
    for file in files:
        made = artifacts.read_provenance(file)["settings"]
        table = artifacts.read_table(file, keep={"split": ["test"]})
        scores.setdefault(made["case"], {})[made["encoder"]] = table
    return scores


def find_files(manifests: Sequence[Path]) -> dict[str, dict[tuple[str, str], tuple[Path, Path]]]:
    """Manifest and file of samples, by case, and by model and prompt set."""
    files = defaultdict(dict)
    for manifest in manifests:
        for entry in read_manifest(manifest):
            files[entry["case"]][entry["model"], entry["prompt_set"]] = (manifest, entry["file"])
    return files


def match_all(scores: Scores, picks: Mapping[str, pd.DataFrame], encoders: Sequence[str]) -> Scores:
    """The rows of the picked queries, in their order."""
    return {
        case: {encoder: choice.match(scores[case][encoder], picked) for encoder in encoders}
        for case, picked in picks.items()
    }


def names_in(*scores: Scores) -> set[str]:
    """The ids of all candidates among the best."""
    tables = [table for by_case in scores for by_encoder in by_case.values() for table in by_encoder.values()]
    return {name for table in tables for names in table["top_ids"] for name in names}


def make_entries(
    picked: pd.DataFrame,
    untuned: Mapping[str, pd.DataFrame],
    tuned: Mapping[str, pd.DataFrame],
    pictures: Pictures,
    files: Mapping[tuple[str, str], tuple[Path, Path]],
) -> Iterator[Entry]:
    """Joins the picked queries of a case with what the encoders say of them, with pictures and lineage."""
    for i, query in picked.iterrows():
        manifest, file = files[query["model"], query["prompt_set"]]
        place = (query["prompt_index"], query["index"])
        image = lineage.read_sample(file, *place)["image"]
        yield Entry(
            query["reasons"],
            shrunk_uri(image, SAMPLE, f"{file}: prompt {place[0]}, image {place[1]}"),
            pictures.exemplars(query["model"]),
            {name: (answer(untuned[name].loc[i], pictures), answer(tuned[name].loc[i], pictures)) for name in tuned},
            lineage.trace(manifest, file, *place, list(tuned)),
        )


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--untuned", type=Path, nargs="+", required=True, help="scores of the identity heads")
    parser.add_argument("--tuned", type=Path, nargs="+", required=True, help="scores of the learned heads")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="test shards of all cases")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of all cases")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file of the distractors")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    parser.add_settings()
    args = parser.parse_args()

    encoders = args.settings["encoders"]
    untuned, tuned = read_scores(args.untuned), read_scores(args.tuned)
    deciding = [{case: tables[encoders[0]] for case, tables in scores.items()} for scores in (untuned, tuned)]
    picks = choice.choose(*deciding, args.settings)
    untuned, tuned = (match_all(scores, picks, encoders) for scores in (untuned, tuned))

    distractors = artifacts.read_table(
        args.distractors, ["id", "class", "image"], keep={"id": names_in(untuned, tuned)}
    )
    exemplars, files = {file.stem: file for file in args.exemplars}, find_files(args.sample_manifests)
    entries, sheet = [], Sheet()
    for case, picked in picks.items():
        models = {"model": set(picked["model"])}
        own = artifacts.read_table(exemplars[case], ["model", "k", "class", "image"], keep=models)
        pictures = Pictures(own, distractors, sheet)
        entries += make_entries(picked, untuned[case], tuned[case], pictures, files[case])
    page = pages.render("gallery", entries=entries, thumbnails=sheet.uris, **args.settings)
    artifacts.write_text(args.output, page)


if __name__ == "__main__":
    cli.run(main)

"""Makes a page of pictures: test samples, their true exemplars, and the top candidates with influence in percent.

Some samples are drawn at random, some chosen by rule, see `reporting.choice`. The page shows the results of untuned and
tuned features beside each other, for every method and encoder. It holds all its images.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.reporting import choice, lineage, pages
from workflow_scripts.reporting.gallery import Comparison, Entry, Pictures, answer
from workflow_scripts.reporting.pages import Sheet, shrunk_uri
from workflow_scripts.study.settings.report import GallerySettings

SAMPLE = 256  # pixels, at most, of the samples on the page
Key = tuple[str, str]  # method and encoder
Scores = dict[str, dict[Key, pd.DataFrame]]  # of the picked queries, by case


def find_scores(files: Sequence[Path]) -> dict[str, dict[Key, Path]]:
    """Files of scores, by case and key."""
    by_case = defaultdict(dict)
    for file in files:
        made = artifacts.read_provenance(file)["settings"]
        by_case[made["case"]][made["method"], made["encoder"]] = file
    return by_case


def read_scores(file: Path) -> pd.DataFrame:
    """The scores of test samples."""
    return artifacts.read_table(file, keep={"split": ["test"]})


def read_picked(files: Mapping[str, Mapping[Key, Path]], picks: Mapping[str, pd.DataFrame], keys: list[Key]) -> Scores:
    """The rows of the picked queries, in their order, for the cases that have files."""
    return {
        case: {key: choice.match(read_scores(files[case][key]), picked) for key in keys}
        for case, picked in picks.items()
        if case in files
    }


def find_files(manifests: Sequence[Path]) -> dict[str, dict[tuple[str, str], tuple[Path, Path]]]:
    """Manifest and file of samples, by case, and by model and prompt set."""
    files = defaultdict(dict)
    for manifest in manifests:
        for entry in read_manifest(manifest):
            files[entry["case"]][entry["model"], entry["prompt_set"]] = (manifest, entry["file"])
    return files


def names_in(*scores: Scores) -> set[str]:
    """The ids of the best candidates of all samples."""
    tables = [table for by_case in scores for by_key in by_case.values() for table in by_key.values()]
    return {name for table in tables for names in table["top_ids"] for name in names}


def make_entries(
    picked: pd.DataFrame,
    untuned: Mapping[Key, pd.DataFrame],
    tuned: Mapping[Key, pd.DataFrame],
    pictures: Pictures,
    files: Mapping[tuple[str, str], tuple[Path, Path]],
) -> Iterator[Entry]:
    """The picked queries of a case with their results by method and encoder, pictures and lineage."""
    encoders = list(dict.fromkeys(encoder for _, encoder in untuned))
    for i, query in picked.iterrows():
        manifest, file = files[query["model"], query["prompt_set"]]
        place = (query["prompt_index"], query["index"])
        image = lineage.read_sample(file, *place)["image"]
        yield Entry(
            query["reasons"],
            shrunk_uri(image, SAMPLE, f"{file}: prompt {place[0]}, image {place[1]}"),
            pictures.exemplars(query["model"]),
            [
                Comparison(*key, *(answer(s[key].loc[i], pictures) if key in s else None for s in (untuned, tuned)))
                for key in untuned
            ],
            lineage.trace(manifest, file, *place, encoders),
        )


@cli.command_line(
    GallerySettings,
    untuned=cli.files("scores of the identity heads"),
    tuned=cli.files("scores of the learned heads", required=False),
    sample_manifests=cli.files("test shards of all cases"),
    models=cli.files("their models, of whose lineage the page tells; none of a release", required=False),
    exemplars=cli.files("parquet files of all cases"),
    distractors=cli.file("parquet file of the distractors"),
    output=cli.file("HTML file to write"),
    provenance=cli.file("JSON file to write: what it was made with"),
)
def main(args: cli.Args, settings: GallerySettings) -> None:
    untuned_files, tuned_files = find_scores(args.untuned), find_scores(args.tuned)
    keys = list(itertools.product(settings.methods, settings.encoders))
    deciding = [
        {case: read_scores(by_key[keys[0]]) for case, by_key in by_case.items()}
        for by_case in (untuned_files, tuned_files or untuned_files)
    ]
    picks = choice.choose(*deciding, settings)
    untuned, tuned = (read_picked(files, picks, keys) for files in (untuned_files, tuned_files))

    best = {"id": names_in(untuned, tuned)}
    distractors = artifacts.read_table(args.distractors, ["id", "class", "image"], keep=best)
    exemplars, files = {file.stem: file for file in args.exemplars}, find_files(args.sample_manifests)
    entries, sheet = [], Sheet()
    for case, picked in picks.items():
        models = {"model": set(picked["model"])}
        own = artifacts.read_table(exemplars[case], ["model", "k", "class", "image"], keep=models)
        pictures = Pictures(own, distractors, sheet)
        entries += make_entries(picked, untuned[case], tuned.get(case, {}), pictures, files[case])
    page = pages.render("gallery", entries=entries, thumbnails=sheet.uris, **vars(settings))
    artifacts.write_text(args.output, page)
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})

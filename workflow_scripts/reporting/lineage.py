"""Where a sample comes from: its prompt and seed, its model, the exemplars that the model was tuned on, the commands.

Nothing is looked up by name alone: the sample's file says which weights it was sampled from, the weights say which
exemplars they were tuned on, both by hash; a link that does not fit is an error.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.ground_truth.shards import read_manifest

BARS = "▁▂▃▄▅▆▇█"
RELEASED = {  # what is known of the tuning of a model that others released
    "settings": {"prompt": None},
    "losses": [],
    "loss": {"first": math.nan, "last": math.nan},
    "inputs": {"exemplars": None},
}


@dataclass(frozen=True)
class Origin:
    """An exemplar: its id, and whose work it is."""

    name: str
    source: str
    author: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class Lineage:
    """All that made a sample.

    Attributes:
        prompt: of the sample; `prompt_index` is its place in the prompt set, `index` the image's in the prompt.
        tuning_prompt: that the model was tuned with; None of a released sample, whose model is not here.
        losses: of each step of the tuning; `first_loss` and `last_loss` are means over a tenth of them.
        files: path by what it holds.
        commands: make each of the files again, in order.
    """

    study: str
    case: str
    model: str
    prompt_set: str
    prompt: str
    prompt_index: int
    index: int
    seed: int
    tuning_prompt: str | None
    losses: Sequence[float]
    first_loss: float
    last_loss: float
    exemplars: Sequence[Origin]
    files: dict[str, str]
    commands: Sequence[str]


def find_manifest(file: Path) -> Path:
    """The manifest of the shard that a file of samples belongs to, beside it.

    Raises:
        ValueError: there is no such file, or no manifest lists it.
    """
    if not file.is_file():
        raise ValueError(f"{file}: no such file; samples are results/STUDY/samples/CASE/MODEL.PROMPT_SET.parquet")
    for manifest in sorted(file.parent.glob("*.json")):
        if any(entry["file"] == file for entry in read_manifest(manifest)):
            return manifest
    raise ValueError(f"{file}: is listed in no manifest beside it; give a file of samples of a finished shard")


def read_sample(file: Path, prompt_index: int, index: int) -> pd.Series:
    """The row of a sample.

    Raises:
        ValueError: there is no such row; the message says which there are.
    """
    table = artifacts.read_table(file)
    rows = table[(table["prompt_index"] == prompt_index) & (table["index"] == index)]
    if rows.empty:
        prompts, images = table["prompt_index"].max(), table["index"].max()
        raise ValueError(
            f"{file}: no image {index} of prompt {prompt_index}; prompts are 0 to {prompts}, images 0 to {images}"
        )
    return rows.iloc[0]


def trace(manifest: Path, file: Path, prompt_index: int, index: int, encoders: Sequence[str]) -> Lineage:
    """Follows a sample back to its exemplars.

    Args:
        manifest: of the sample's shard, `results/{study}/samples/{case}/{shard}.json`.
        file: beside it, with the sample in it.
        encoders: whose features' commands are wanted.

    Raises:
        ValueError: a file or row is missing, or is not the one that its successor was made from.
    """
    folder, record = manifest.parents[2], artifacts.read_json(manifest)
    study, case, shard = record["study"], record["case"], manifest.stem
    sample = read_sample(file, prompt_index, index)
    exemplars = folder / f"exemplars/{case}.parquet"
    made_here = "model" in artifacts.read_provenance(file)["inputs"]
    commands = [snakemake(study, target) for target in _targets(study, case, shard, encoders, made_here)]
    if made_here:
        weights = folder / f"models/{case}/{sample['model']}.safetensors"
        tuned = _checked_weights(weights, file, commands[1])
        files = {
            "samples": file,
            "weights": weights,
            "exemplars": exemplars,
            "log of sampling": folder / f"logs/sample/{case}.{shard}.log",
            "log of tuning": folder / f"logs/finetune/{case}.{shard}.log",
        }
    else:
        tuned = RELEASED
        files = {"samples": file, "exemplars": exemplars}
    return Lineage(
        study=study,
        case=case,
        **{name: sample[name] for name in ("model", "prompt_set", "prompt")},
        **{name: int(sample[name]) for name in ("prompt_index", "index", "seed")},
        tuning_prompt=tuned["settings"]["prompt"],
        losses=tuned["losses"],
        first_loss=tuned["loss"]["first"],
        last_loss=tuned["loss"]["last"],
        exemplars=_checked_exemplars(exemplars, sample["model"], tuned["inputs"]["exemplars"], commands[0]),
        files={name: str(path) for name, path in files.items()},
        commands=commands,
    )


def snakemake(study: str, target: str) -> str:
    """The command that makes a file of a study."""
    return f"snakemake --cores 2 --config study={study} -- {target}"


def _targets(study: str, case: str, shard: str, encoders: Sequence[str], made_here: bool) -> Iterator[str]:
    yield f"results/{study}/exemplars/{case}.parquet"
    if made_here:
        yield f"results/{study}/models/{case}/{shard}.json"
    yield f"results/{study}/samples/{case}/{shard}.json"
    for encoder in encoders:
        yield f"results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors"


def _checked_weights(weights: Path, sample_file: Path, remedy: str) -> dict:
    """The provenance of the weights that a file was sampled from."""
    if not weights.is_file():
        raise ValueError(f"{weights}: the weights are missing; make them: {remedy}")
    if artifacts.file_hash(weights) != artifacts.read_provenance(sample_file)["inputs"]["model"]:
        raise ValueError(f"{weights}: not the weights that {sample_file} was sampled from; run the study again")
    return artifacts.read_provenance(weights)


def _checked_exemplars(parquet: Path, model: str, hashes: Sequence[str] | None, remedy: str) -> list[Origin]:
    if not parquet.is_file():
        raise ValueError(f"{parquet}: the exemplars are missing; make them: {remedy}")
    columns = ["model", "k", "source", "author", "licence", "sha256"]
    table = artifacts.read_table(parquet, columns, keep={"model": [model]}).sort_values("k")
    if hashes is not None and list(table["sha256"]) != list(hashes):
        raise ValueError(f"{parquet}: not the exemplars that model {model!r} was tuned on; run the study again")
    return [
        Origin(f"{model}/{row.k}", row.source, row.author, row.licence, row.sha256)
        for row in table.itertuples(index=False)
    ]


def to_text(lineage: Lineage) -> str:
    """The lineage to read in a terminal."""
    width = max(map(len, lineage.files))
    lines = [
        f"Image {lineage.index} of {lineage.prompt_set} prompt {lineage.prompt_index}: {lineage.prompt}",
        f"  seed {lineage.seed}",
        "",
        f"Model {lineage.model} of case {lineage.case}, study {lineage.study}: {lineage.tuning_prompt or 'released'}",
        *_course(lineage),
        "",
        "Tuned on",
        *(f"  {e.name}  {e.source}, {e.licence}, {e.author}\n    sha256 {e.sha256}" for e in lineage.exemplars),
        "",
        "Files",
        *(f"  {name:{width}}  {path}" for name, path in lineage.files.items()),
        "",
        "Made by",
        *(f"  {command}" for command in lineage.commands),
    ]
    return "\n".join(lines)


def _course(lineage: Lineage) -> Iterator[str]:
    """Of the tuning, if it took place here."""
    if lineage.losses:
        yield f"  loss {lineage.first_loss:.4f} -> {lineage.last_loss:.4f} in {len(lineage.losses)} steps"
        yield f"  {bars(lineage.losses)}"


def bars(values: Sequence[float]) -> str:
    """Values as a line of bars, each of eight heights."""
    return "".join(BARS[min(int(height * len(BARS)), len(BARS) - 1)] for height in _heights(values))


def sparkline(values: Sequence[float], width: int, height: int) -> str:
    """Values as the `points` of an SVG polyline, within a box."""
    step = width / max(len(values) - 1, 1)
    return " ".join(f"{i * step:.1f},{height * (1 - y):.1f}" for i, y in enumerate(_heights(values)))


def _heights(values: Sequence[float]) -> list[float]:
    """Values between the least, 0, and the greatest, 1."""
    low, high = min(values, default=0), max(values, default=1)
    return [(value - low) / ((high - low) or 1) for value in values]

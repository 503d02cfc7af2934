"""Where a sample comes from: its prompt and seed, its model, the exemplars that the model was tuned on, the commands.

The sample's file holds the hash of its weights, and the weights hold the hashes of their exemplars. A file with another
hash is an error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.study import layout
from workflow_scripts.study.study import ID

BARS = "▁▂▃▄▅▆▇█"
RELEASED: dict = {  # in place of the provenance of weights that were not released
    **{"settings": {"prompt": None}, "inputs": {"exemplars": None}},
    **{"losses": [], "loss": {"first": math.nan, "last": math.nan}},
}


@dataclass(frozen=True)
class Origin:
    """An exemplar, and whose work it is."""

    name: str  # its id
    source: str
    author: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class Lineage:
    """All that made a sample."""

    study: str
    case: str
    model: str
    prompt_set: str
    prompt: str
    prompt_index: int  # in the prompt set
    index: int  # of the prompt's images
    seed: int
    tuning_prompt: str | None  # None for a released sample, whose model is not here
    losses: Sequence[float]  # of each step of the tuning
    first_loss: float  # mean over the first tenth
    last_loss: float  # mean over the last tenth
    exemplars: Sequence[Origin]
    files: dict[str, str]  # path by what it holds
    commands: Sequence[str]  # to make the files again, in order


def find_manifest(file: Path) -> Path:
    """The manifest that lists a file of samples. ValueError if there is none."""
    if not file.is_file():
        raise ValueError(f"{file}: no such file; samples are results/STUDY/samples/CASE/MODEL.PROMPT_SET.parquet")
    for manifest in sorted(file.parent.glob("*.json")):
        if any(entry["file"] == file for entry in read_manifest(manifest)):
            return manifest
    raise ValueError(f"{file}: is listed in no manifest beside it; give a file of samples of a finished shard")


def read_sample(file: Path, prompt_index: int, index: int) -> pd.Series:
    """The row of a sample. ValueError if there is no such row."""
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
        manifest: of the sample's shard, see `layout.SAMPLES`.
        file: beside it, with the sample in it.
        encoders: those whose features the commands make, too.

    Raises:
        ValueError: a file or row is missing, or has another hash than the one that was used.
    """
    folder, record = manifest.parents[2], artifacts.read_json(manifest)
    study, case, shard = record.get("study"), record["case"], manifest.stem
    sample = read_sample(file, prompt_index, index)
    for name, place in ((study, manifest), (case, manifest), (sample["model"], file)):
        if not isinstance(name, str) or not ID.fullmatch(name):  # it becomes a part of paths and of commands
            raise ValueError(f"{place}: {name!r} is no name of a study, case or model")
    exemplars = folder / f"exemplars/{case}.parquet"
    made_here = "model" in artifacts.read_provenance(file)["inputs"]
    targets = [layout.EXEMPLARS, *[layout.MODELS] * made_here, layout.SAMPLES]
    targets += [layout.SAMPLE_FEATURES.replace("{encoder}", encoder) for encoder in encoders]
    paths = [target.format(study=study, case=case, shard=shard) for target in targets]
    commands = [f"{layout.COMMAND.format(study=study)} -- {path}" for path in paths]
    tuned, files = RELEASED, {"samples": file, "exemplars": exemplars}
    if made_here:
        weights = folder / f"models/{case}/{sample['model']}.safetensors"
        tuned = _checked_weights(weights, file, commands[1])
        files = {"samples": file, "weights": weights, "exemplars": exemplars}
        files["log of sampling"] = folder / f"logs/sample/{case}.{shard}.log"
        files["log of tuning"] = folder / f"logs/finetune/{case}.{shard}.log"
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
    return [Origin(f"{row.pop('model')}/{row.pop('k')}", **row) for row in table.to_dict("records")]


def to_text(lineage: Lineage) -> str:
    """The lineage to read in a terminal."""
    width, losses = max(map(len, lineage.files)), lineage.losses
    course = f"  loss {lineage.first_loss:.4f} -> {lineage.last_loss:.4f} in {len(losses)} steps\n  {bars(losses)}"
    lines = [
        f"Image {lineage.index + 1} of {lineage.prompt_set} prompt {lineage.prompt_index + 1}: {lineage.prompt}",
        f"  seed {lineage.seed}",
        "",
        f"Model {lineage.model} of case {lineage.case}, study {lineage.study}: {lineage.tuning_prompt or 'released'}",
        *([course] if losses else []),
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


def bars(values: Sequence[float]) -> str:
    """Values as a line of bars, each of eight heights."""
    return "".join(BARS[min(int(height * len(BARS)), len(BARS) - 1)] for height in _heights(values))


def sparkline(values: Sequence[float], width: int, height: int) -> str:
    """Values as the `points` of an SVG polyline, within a box."""
    step = width / max(len(values) - 1, 1)
    return " ".join(f"{i * step:.1f},{height * (1 - y):.1f}" for i, y in enumerate(_heights(values)))


def _heights(values: Sequence[float]) -> list[float]:
    """Values scaled to 0 for the least and 1 for the greatest."""
    low, high = min(values, default=0), max(values, default=1)
    return [(value - low) / ((high - low) or 1) for value in values]

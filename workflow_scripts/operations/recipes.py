"""The recipe of each artefact of a study, as of today: the settings and the inputs that its provenance should name."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts import artifacts
from workflow_scripts.cli import canonical_json
from workflow_scripts.ground_truth import models
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.study import settings
from workflow_scripts.study.jobs import Job
from workflow_scripts.study.study import Study

SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Input:
    """What a provenance should say of an input.

    Attributes:
        source: the file or folder.
        value: its hash, or the hashes or texts taken from it; None if that cannot be told, for `source` is not whole.
    """

    source: Path
    value: Any


@dataclass(frozen=True)
class Recipe:
    """What decides what an artefact holds."""

    settings: Mapping[str, Any]
    inputs: Mapping[str, Input]

    def departure(self, provenance: Mapping[str, Any]) -> str | None:
        """In which way an artefact was made by another recipe, in words; None if it was not."""
        changed = _difference(provenance.get("settings", {}), json.loads(canonical_json(self.settings)))
        if changed:
            key, made, now = changed
            return f"made with {key} {_show(made)}, the study says {_show(now)}"
        made_from = provenance.get("inputs", {})
        for name, current in self.inputs.items():
            if name not in made_from:
                return f"made without {current.source}"
            if current.value is not None and made_from[name] != current.value:
                return f"made from another {current.source}"
        unknown = sorted(made_from.keys() - self.inputs.keys())
        return f"made from {unknown[0]}, too, which is no input of it" if unknown else None


class Recipes:
    """The recipes of a study.

    Args:
        hash_of: SHA-256 of a file or folder, as hex; None if it is missing or corrupt.
    """

    def __init__(self, study: Study, hash_of: Callable[[Path], str | None]) -> None:
        self.study, self.hash_of = study, hash_of
        self._read = cache(self._read_whole)

    def of_output(self, job: Job) -> Recipe | None:
        """Of the file that a job makes; None for manifests and the report's files, which have no provenance."""
        study = self.study
        if job.rule.startswith("import_"):
            return self._imported(job)
        match Path(job.outputs[0]).parts[2:]:
            case ("exemplars", "distractors.parquet"):
                return self._recipe(settings.distractors(study), self._drawings(study.sections["distractors"]))
            case ("exemplars", file):
                case = Path(file).stem
                return self._recipe(settings.exemplars(study, case), self._drawings(study.sections["cases"][case]))
            case ("regularization", file):
                block = settings.make("regularization", study, block=Path(file).stem)
                return self._recipe(block.to_json(), {"base_model": self._base_model})
            case ("features", encoder, *_):
                embedded = settings.embed(study, encoder)
                weights = {"weights": embedded["path"]} if "path" in embedded else {}
                return self._recipe({**embedded, "encoder": encoder}, {"source": job.needs[0], **weights})
            case ("heads", encoder, head, file):
                names = {"encoder": encoder, "head": head, "training_set": file.partition(".")[0]}
                if job.rule == "calibrate":
                    return self._recipe(settings.calibrate(study, **names), _ranked(job, ()))
                features = {need: need for need in job.needs if "/features/" in need}
                return self._recipe(settings.train_head(study, **names), features)
            case ("scores", method, encoder, head, training_set, file):
                names = {"method": method, "encoder": encoder, "head": head, "training_set": training_set}
                case = Path(file).stem
                return self._recipe(settings.attribute(study, **names, case=case), _ranked(job, ("samples",)))
            case ("metrics", method, encoder, head, file):
                training_set = Path(file).stem
                measured = settings.evaluate(study, training_set, method=method, encoder=encoder, head=head)
                own = (method, encoder, head, training_set)
                return self._recipe(measured, {_kind_of_scores(need, own): need for need in job.needs})
        return None

    def _imported(self, job: Job) -> Recipe:
        """Of what is taken from a release, by docs/release.md."""
        release = self.study.sections["release"]
        files = {
            encoder: {kind: Path(release["path"], name) for kind, name in listed.items() if name}
            for encoder, listed in release["encoders"].items()
        }
        match Path(job.outputs[0]).parts[2:]:
            case ("exemplars", "distractors.parquet"):
                features = next(iter(files.values()))["distractors"]
                return self._recipe(settings.import_distractors(self.study), {"features": features})
            case ("exemplars", file):
                return self._recipe(settings.import_exemplars(self.study, Path(file).stem), {})
            case ("features", encoder, *_):
                inputs = {"source": job.needs[0], "features": files[encoder]["distractors"]}
                return self._recipe(settings.import_features(self.study, encoder), inputs)
            case (_, encoder, head, file):
                made = settings.import_head(self.study, encoder, head, file.partition(".")[0])
                if head == "identity":
                    return self._recipe(made, {})
                inputs = {kind: file for kind, file in files[encoder].items() if kind != "distractors"}
                return self._recipe({**made, "raw": True}, inputs)
        raise ValueError(f"{job.outputs[0]}: nothing of a release")

    def of_models(self, job: Job) -> Iterator[tuple[Path, Recipe | None]]:
        """Of the files beside a manifest, whether they are there or not; None for those of a release.

        A release may be gone once it is imported; the manifest's hashes still tell whether its samples are whole.
        """
        folder, case, shard = Path(job.outputs[0]).parent, *Path(job.outputs[0]).with_suffix("").parts[-2:]
        made = settings.make(job.rule, self.study, case=case, shard=shard)
        hashes = self._read(_listed, Path(job.needs[0])) if job.rule == "sample" else {}
        for file in made.files():
            if file.settings is None:
                yield folder / file.name, None
            elif job.rule == "finetune":
                inputs = self._inputs_of_model(job, made.class_words[file.model], file.model)
                yield folder / file.name, Recipe(file.settings, inputs)
            else:
                model = Input(Path(job.needs[0]), hashes.get(file.model))
                inputs = {"base_model": self._input(self._base_model), "model": model}
                yield folder / file.name, Recipe(file.settings, inputs)

    def _drawings(self, section: Mapping[str, Any]) -> dict[str, Path]:
        """What a source chooses from, if it is the corpus; data at a path of their own are in nobody's provenance."""
        corpus = Path(self.study.sections.get("corpus", {}).get("path", ""))
        return {} if "path" in section else {name: corpus / f"{name}.parquet" for name in ("drawings", "twins")}

    @property
    def _base_model(self) -> Path:
        return Path(self.study.sections["base_model"]["path"])

    def _recipe(self, chosen: Mapping[str, Any], inputs: Mapping[str, str | Path]) -> Recipe:
        return Recipe(chosen, {name: self._input(Path(source)) for name, source in inputs.items()})

    def _input(self, source: Path) -> Input:
        return Input(source, self.hash_of(source))

    def _inputs_of_model(self, job: Job, word: str, model: str) -> dict[str, Input]:
        *blocks, exemplars = map(Path, job.needs)
        held = [(block, *self._read(_regularization, block).get(word, (None, None))) for block in blocks]
        block, latents, captions = next((found for found in held if found[1]), held[0])
        return {
            "base_model": self._input(self._base_model),
            "exemplars": Input(exemplars, self._read(_exemplars, exemplars).get(model)),
            "regularization": Input(block, latents),
            "captions": Input(block, captions),
        }

    def _read_whole(self, read: Callable[[Path], dict], file: Path) -> dict:
        """What a function reads from a file; nothing if the file is not whole."""
        try:
            return read(file) if self.hash_of(file) else {}
        except ValueError:
            return {}


def _exemplars(file: Path) -> dict[str, list[str]]:
    """SHA-256 of the exemplars of each model."""
    table = artifacts.read_table(file, ["model", "k", "sha256"]).sort_values("k")
    return {model: list(rows) for model, rows in table.groupby("model")["sha256"]}


def _regularization(file: Path) -> dict[str, tuple[str, list[str]]]:
    """Hash of the latents, and captions, of each class word."""
    latents, captions = artifacts.read_tensors(file), artifacts.read_provenance(file)["captions"]
    return {word: (models.latents_hash(latents[f"{word}.latents"]), texts) for word, texts in captions.items()}


def _listed(manifest: Path) -> dict[str, str]:
    """SHA-256 of the file of each model."""
    return {entry["model"]: entry["sha256"] for entry in read_manifest(manifest)}


def _ranked(job: Job, kinds: tuple[str, ...]) -> dict[str, str]:
    """The inputs that `calibrate` and `attribute` name: head, calibration, features of distractors and of `kinds`."""
    inputs = {}
    for need in job.needs:
        match Path(need).parts[2:]:
            case ("heads", *_, file):
                inputs["calibration" if file.endswith(".calibration.json") else "head"] = need
            case ("features", _, "distractors.safetensors"):
                inputs["distractor_features"] = need
            case ("features", _, kind, _, file) if kind in kinds:
                inputs[f"{kind}_{Path(file).stem}"] = need
    return inputs


def _kind_of_scores(file: str, own: tuple[str, ...]) -> str:
    """What `evaluate` calls a file of scores: its head's own, or the untuned ones that it compares with."""
    *head, case = Path(file).with_suffix("").parts[3:]
    return f"{'scores' if tuple(head) == own else 'untuned'}_{case}"


def _difference(made: Any, now: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first key, dotted, whose values differ, and both values."""
    if made == now:
        return None
    if not isinstance(made, Mapping) or not isinstance(now, Mapping):
        return key, made, now
    name = next(name for name in sorted(made.keys() | now.keys()) if made.get(name, ...) != now.get(name, ...))
    return _difference(made.get(name, ...), now.get(name, ...), f"{key}.{name}".lstrip("."))


def _show(value: Any) -> str:
    text = "nothing" if value is ... else canonical_json(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."

"""A synthetic study on disk: random features with a planted signal, from exemplars to the report."""

import importlib
import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workflow_scripts import artifacts, reporting

DIM = 24
SIGNAL = 8  # the first features carry the exemplar, the others only nuisance
PROMPTS = {
    "llm": ["The <new1> cat sat", 'An evil <script>alert("x")</script> cat'],
    "procedural": ["woodcut of <new1>"],
}
CASES = {"seen": "object", "unseen": "object", "styles": "style", "sets": "style"}
SET_SIZES = (1, 2, 5)
ENCODERS = ("pixels", "efficientnet_lite0")
METHOD = "feature_similarity"
SAMPLES_PER_PROMPT = 2
SHA256 = "0" * 64  # said to be that of every exemplar
DATASET = """kind,case,split,classes,models,exemplars,llm_prompts,procedural_prompts,llm_samples,procedural_samples
object,seen,val,3,6,6,2,1,24,12
object,seen,test,3,8,8,2,1,32,16
style,styles,test,,8,24,2,1,32,16
"""


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, DIM)).astype(np.float32)


def picture(rng: np.random.Generator) -> bytes:
    return artifacts.encode_png(np.full((16, 16, 3), rng.integers(0, 256, 3), np.uint8))


SHOWN = {
    "methods": [METHOD],
    "encoders": list(ENCODERS),
    "head": "linear",
    "training_set": "all",
    "untuned_set": "all",
    "one_kind": {},
    "recall_at": 10,
}


@dataclass(frozen=True)
class Chain:
    """Paths of the synthetic study, and how to run a step in it.

    Attributes:
        shown: of the settings of the report; all of its encoders, methods and heads are evaluated.
        recall_at: the K of Recall@K.
    """

    root: Path
    shown: Mapping[str, Any] = field(default_factory=lambda: SHOWN)
    recall_at: tuple[int, ...] = (1, 10, 100)

    @property
    def encoders(self) -> list[str]:
        return self.shown["encoders"]

    @property
    def heads(self) -> list[str]:
        return ["identity", *([self.shown["head"]] if self.shown["head"] else [])]

    @property
    def fitted(self) -> list[tuple[str, str]]:
        """Encoder and head of each fitted head."""
        return list(itertools.product(self.encoders, self.heads))

    def run(self, step: str, settings: dict, **flags: Path | list[Path]) -> None:
        """Runs a step as its rule does, but in this process."""
        arguments = []
        for name, value in flags.items():
            arguments += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [step, *arguments, "--settings", json.dumps(settings)])
            importlib.import_module(f"workflow_scripts.steps.{step}").main()

    def exemplars(self, case: str) -> Path:
        return self.root / f"exemplars/{case}.parquet"

    def exemplar_features(self, encoder: str, case: str) -> Path:
        return self.root / f"features/{encoder}/exemplars/{case}.safetensors"

    def distractors(self) -> Path:
        return self.root / "exemplars/distractors.parquet"

    def distractor_features(self, encoder: str) -> Path:
        return self.root / f"features/{encoder}/distractors.safetensors"

    def manifest(self, case: str, shard: str) -> Path:
        return self.root / f"samples/{case}/{shard}.json"

    def weights(self, case: str, model: str) -> Path:
        return self.root / f"models/{case}/{model}.safetensors"

    def sample_features(self, encoder: str, case: str, shard: str) -> Path:
        return self.root / f"features/{encoder}/samples/{case}/{shard}.safetensors"

    def head(self, encoder: str, head: str) -> Path:
        return self.root / f"heads/{encoder}/{head}/{self.shown['training_set']}.safetensors"

    def calibration(self, encoder: str, head: str) -> Path:
        return self.head(encoder, head).with_suffix(".calibration.json")

    def history(self, encoder: str, head: str) -> Path:
        return self.head(encoder, head).with_suffix(".history.csv")

    def scores(self, encoder: str, head: str, case: str, method: str = METHOD) -> Path:
        return self.root / f"scores/{method}/{encoder}/{head}/{self.shown['training_set']}/{case}.parquet"

    def metrics(self, encoder: str, head: str, method: str = METHOD) -> Path:
        return self.root / f"metrics/{method}/{encoder}/{head}/{self.shown['training_set']}.json"

    def report(self, name: str) -> Path:
        return self.root / "report" / name


def plant(chain: Chain, case: str, kind: str, rng: np.random.Generator) -> None:
    """Writes a case: exemplars and samples with features whose first `SIGNAL` values agree."""
    splits = ["val"] * 6 + ["test"] * 8 if case in ("seen", "styles") else ["test"] * 9
    names = [f"{case}-{i}" if kind == "style" else f"{case}_{i:04d}" for i in range(len(splits))]
    if case == "sets":
        names = [f"{case}-{i}_{size:04d}" for i in range(3) for size in SET_SIZES]
    rows, features, signals = [], [], {}
    for i, (name, split) in enumerate(zip(names, splits, strict=True)):
        signals[name] = 3 * rng.normal(size=SIGNAL)
        count = int(name[-4:]) if case == "sets" else 3 if kind == "style" else 1
        plant_weights(chain, case, name, count)
        for k in range(count):
            row = {"model": name, "split": split, "class": f"{case} class", "class_word": "cat", "image": picture(rng)}
            origin = {"sha256": SHA256, "source": f"{name}/{k}", "licence": "CC0-1.0", "author": "nobody"}
            rows.append(row | origin | {"new_artist": i % 2 == 0, "k": k, "twins": [], "seen_twin": i % 4 == 0})
            features.append(
                np.concatenate([signals[name] + 0.3 * rng.normal(size=SIGNAL), noise(rng, 1)[0, SIGNAL:] * 4])
            )
    artifacts.write_table(chain.exemplars(case), pd.DataFrame(rows), {"settings": {"case": case}})
    for encoder in chain.encoders:
        write_features(chain.exemplar_features(encoder, case), encoder, chain.exemplars(case), np.array(features))
    for split in dict.fromkeys(splits):
        models = [name for name, of in zip(names, splits, strict=True) if of == split]
        plant_shard(chain, case, f"{split}_0000", models, signals, rng)


def plant_shard(
    chain: Chain, case: str, shard: str, models: list[str], signals: dict, rng: np.random.Generator
) -> None:
    manifest = chain.manifest(case, shard)
    entries, features, rows = [], {}, {}
    for prompt_set, prompts in PROMPTS.items():
        features[prompt_set], rows[prompt_set] = [], {}
        for model in models:
            table = pd.DataFrame(
                {"model": model, "prompt_set": prompt_set, "prompt": prompt, "prompt_index": p, "index": i, "seed": 0}
                for p, prompt in enumerate(prompts)
                for i in range(SAMPLES_PER_PROMPT)
            ).assign(image=[picture(rng) for _ in range(len(prompts) * SAMPLES_PER_PROMPT)])
            file = manifest.parent / f"{model}.{prompt_set}.parquet"
            made_from = {"model": artifacts.file_hash(chain.weights(case, model))}
            artifacts.write_table(file, table, {"settings": {}, "inputs": made_from})
            entries.append(
                {
                    "model": model,
                    "prompt_set": prompt_set,
                    "file": file.name,
                    "n": len(table),
                    "sha256": artifacts.file_hash(file),
                }
            )
            start = len(features[prompt_set])
            for _ in range(len(table)):
                signal = signals[model] + rng.normal(size=SIGNAL)
                features[prompt_set].append(np.concatenate([signal, 4 * rng.normal(size=DIM - SIGNAL)]))
            rows[prompt_set][model] = [start, len(features[prompt_set])]
    artifacts.write_json(manifest, {"study": "synthetic", "case": case, "shard": shard, "models": entries})
    for encoder in chain.encoders:
        tensors = {name: np.array(values, np.float32) for name, values in features.items()}
        provenance = artifacts.make_provenance({"encoder": encoder}, {"source": manifest}) | {"rows": rows}
        artifacts.write_tensors(chain.sample_features(encoder, case, shard), tensors, provenance)


def plant_weights(chain: Chain, case: str, model: str, count: int) -> None:
    """Writes the weights of a model as if it had been tuned on its exemplars."""
    tuning = {"losses": [0.4, 0.2, 0.1], "loss": {"first": 0.4, "last": 0.1}, "inputs": {"exemplars": [SHA256] * count}}
    provenance = {"settings": {"model": model, "prompt": "<new1> cat"}, **tuning}
    artifacts.write_tensors(chain.weights(case, model), {"token": np.zeros(1)}, provenance)


def write_features(file: Path, encoder: str, source: Path, features: np.ndarray) -> None:
    provenance = artifacts.make_provenance({"encoder": encoder}, {"source": source})
    artifacts.write_tensors(file, {"features": features.astype(np.float32)}, provenance)


def plant_heads(chain: Chain, encoder: str) -> None:
    """An identity head, and a linear one, if a head is learned, that drops the nuisance."""
    keep = np.diag([1.0] * SIGNAL + [0.0] * (DIM - SIGNAL)).astype(np.float32)
    bias = np.zeros(DIM, np.float32)
    linear = {"exemplar.weight": keep, "exemplar.bias": bias, "sample.weight": keep, "sample.bias": bias}
    for head in chain.heads:
        tensors = {} if head == "identity" else linear
        artifacts.write_tensors(chain.head(encoder, head), tensors, {"settings": {"encoder": encoder, "head": head}})
        epochs = range(1 if head == "identity" else 4)
        course = [0.1 + 0.1 * i for i in epochs]
        losses = [2.0 / (i + 1) for i in epochs]
        history = pd.DataFrame({"epoch": epochs, "loss": losses, "train_mAP": course, "val_mAP": course})
        history.insert(0, "temperature", 0.1)
        artifacts.write_text(chain.history(encoder, head), history.to_csv(index=False))


def make_chain(root: Path, **more: Any) -> Chain:
    """The inputs of the evaluation, written to `root`; `more` are fields of `Chain`."""
    chain, rng = Chain(root, **more), np.random.default_rng(0)
    for case, kind in CASES.items():
        plant(chain, case, kind, rng)
    classes = ["seen class", "unseen class", "thing"]
    table = pd.DataFrame({"id": f"d/{i}", "class": classes[min(i // 10, 2)], "image": picture(rng)} for i in range(300))
    artifacts.write_table(chain.distractors(), table, {"settings": {}})
    distractors = noise(rng, 300) * np.array([3.0] * SIGNAL + [4.0] * (DIM - SIGNAL))
    for encoder in chain.encoders:
        write_features(chain.distractor_features(encoder), encoder, chain.distractors(), distractors)
        plant_heads(chain, encoder)
    return chain


def calibrate(chain: Chain, encoder: str, head: str) -> None:
    cases = ["seen", "styles"]
    chain.run(
        "calibrate",
        {"encoder": encoder, "head": head, "training_set": chain.shown["training_set"], "memory_mb": 1, "version": 1},
        exemplars=[chain.exemplars(case) for case in cases],
        exemplar_features=[chain.exemplar_features(encoder, case) for case in cases],
        sample_manifests=[chain.manifest(case, "val_0000") for case in cases],
        sample_features=[chain.sample_features(encoder, case, "val_0000") for case in cases],
        distractor_features=chain.distractor_features(encoder),
        head=chain.head(encoder, head),
        output=chain.calibration(encoder, head),
    )


def names_of(chain: Chain, encoder: str, head: str, method: str) -> dict:
    return {"method": method, "encoder": encoder, "head": head, "training_set": chain.shown["training_set"]}


def shards_of(case: str) -> list[str]:
    return ["val_0000", "test_0000"] if case in ("seen", "styles") else ["test_0000"]


def attribute(chain: Chain, encoder: str, head: str, case: str, method: str) -> None:
    cases = sorted(CASES)
    chain.run(
        "attribute",
        {**names_of(chain, encoder, head, method), "case": case, "top_k": 10, "memory_mb": 1, "version": 1},
        exemplars=[chain.exemplars(case) for case in cases],
        exemplar_features=[chain.exemplar_features(encoder, case) for case in cases],
        distractors=chain.distractors(),
        distractor_features=chain.distractor_features(encoder),
        sample_manifests=[chain.manifest(case, shard) for shard in shards_of(case)],
        sample_features=[chain.sample_features(encoder, case, shard) for shard in shards_of(case)],
        head=chain.head(encoder, head),
        calibration=chain.calibration(encoder, head),
        output=chain.scores(encoder, head, case, method),
    )


def evaluate(chain: Chain, encoder: str, head: str, method: str) -> None:
    chain.run(
        "evaluate",
        {
            **names_of(chain, encoder, head, method),
            "share": 1.0,
            "cases": {case: {"kind": kind, "sets": case == "sets"} for case, kind in CASES.items()},
            "seed": 0,
            "evaluation": {
                "recall_at": list(chain.recall_at),
                "bootstrap": 200,
                "splits": ["val", "test"],
                "version": 1,
            },
        },
        scores=[chain.scores(encoder, head, case, method) for case in CASES],
        untuned=[chain.scores(encoder, "identity", case, method) for case in CASES] if head != "identity" else [],
        output=chain.metrics(encoder, head, method),
    )


def evaluate_all(chain: Chain) -> None:
    """Calibrates every head, and attributes and evaluates every cell."""
    for encoder, head in chain.fitted:
        calibrate(chain, encoder, head)
        for method in chain.shown["methods"]:
            for case in CASES:
                attribute(chain, encoder, head, case, method)
            evaluate(chain, encoder, head, method)


def report(chain: Chain) -> None:
    """Makes the report of all cells."""
    methods, learned = chain.shown["methods"], chain.heads[1:]
    metrics = [chain.metrics(*head, method) for method, head in itertools.product(methods, chain.fitted)]
    evaluation = {"recall_at": chain.recall_at, "bootstrap": 200, "splits": ["val", "test"], "version": 1}
    settings = {"study": "synthetic", "seen": ["seen", "styles"], "shown": chain.shown, "evaluation": evaluation}
    settings["report"] = {"data": "synthetic", "weights": "none"}
    table, tables, figures = chain.report("table.csv"), chain.report("tables"), chain.report("figures")
    chain.run(
        "tabulate",
        settings,
        metrics=metrics,
        calibrations=[chain.calibration(*head) for head in chain.fitted],
        output=table,
        markdown=chain.report("table.md"),
        tables=tables,
        summary=chain.report("summary"),
        provenance=chain.report("provenance/tabulate.json"),
    )
    histories = [chain.history(encoder, head) for encoder in chain.encoders for head in learned]
    chain.run(
        "plot",
        settings,
        table=table,
        metrics=metrics,
        histories=histories,
        output_dir=figures,
        provenance=chain.report("provenance/plot.json"),
    )
    artifacts.write_text(tables / "dataset.csv", DATASET)
    gallery(chain)
    attribution = chain.root / "ATTRIBUTION.md"
    artifacts.write_text(attribution, "Drawn by <b>nobody</b> & friends.")
    chain.run(
        "index",
        settings,
        table=table,
        tables=[tables / f"{name}.csv" for name in (*reporting.TABLES, "dataset")],
        figures=[figures / f"{name}.svg" for name in reporting.FIGURES],
        exemplars=[chain.exemplars(case) for case in ("seen", "styles")],
        gallery=chain.report("gallery.html"),
        attribution=attribution,
        output=chain.report("index.html"),
        provenance=chain.report("provenance/index.json"),
    )


def gallery(chain: Chain) -> None:
    """Makes the gallery."""
    shown = {name: chain.shown[name] for name in ("methods", "encoders", "head", "training_set")}
    cells = list(itertools.product(chain.shown["methods"], chain.encoders, CASES))
    untuned, *tuned = [
        [chain.scores(encoder, head, case, method) for method, encoder, case in cells] for head in chain.heads
    ]
    chain.run(
        "gallery",
        {"study": "synthetic", "seed": 0, **shown, "random": 12, "chosen": 8},
        untuned=untuned,
        tuned=[file for files in tuned for file in files],
        sample_manifests=[chain.manifest(case, "test_0000") for case in CASES],
        exemplars=[chain.exemplars(case) for case in CASES],
        distractors=chain.distractors(),
        output=chain.report("gallery.html"),
        provenance=chain.report("provenance/gallery.json"),
    )

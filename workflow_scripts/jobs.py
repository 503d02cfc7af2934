"""The jobs of a study: which rule makes which files.

What Snakemake plans, but known from the study alone, in milliseconds, however many models it has. A test compares them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from workflow_scripts.config import SPLITS, Study
from workflow_scripts.reporting import FIGURES, TABLES


@dataclass(frozen=True)
class Job:
    """One job of a rule. Paths are relative to the project's folder.

    Attributes:
        record: what its log and its benchmark are called, such as `finetune/emoji_seen.test_0000`.
        size: models, or class words, that it works on, where that decides how long it takes; else 1.
    """

    rule: str
    study: str
    record: str
    outputs: tuple[str, ...]
    size: int = 1

    @property
    def log(self) -> str:
        return f"results/{self.study}/logs/{self.record}.log"

    @property
    def benchmark(self) -> str:
        return f"results/{self.study}/benchmarks/{self.record}.tsv"

    @property
    def is_shard(self) -> bool:
        """Whether the output is a manifest, with the files of each model beside it."""
        return self.rule in ("finetune", "sample")


def jobs(study: Study) -> list[Job]:
    """Every job between the study and its report, in the order of the data flow."""
    return [
        Job(rule, study.name, record, tuple(f"results/{study.name}/{output}" for output in outputs), size)
        for rule, record, outputs, size in _all(study)
    ]


def _all(study: Study) -> Iterator[tuple[str, str, list[str], int]]:
    shards = [
        (case, shard, len(study.shard(case, shard)))
        for case in study.cases
        for split in SPLITS
        for shard in study.shards(case, split)
    ]
    encoders = study.sections["encoders"]
    for case in study.cases:
        yield "select_exemplars", f"select_exemplars/{case}", [f"exemplars/{case}.parquet"], 1
    yield "select_distractors", "select_distractors", ["exemplars/distractors.parquet"], 1
    for block, words in study.blocks.items():
        yield "regularization", f"regularization/{block}", [f"regularization/{block}.safetensors"], len(words)
    for case, shard, models in shards:
        yield "finetune", f"finetune/{case}.{shard}", [f"models/{case}/{shard}.json"], models
    for case, shard, models in shards:
        yield "sample", f"sample/{case}.{shard}", [f"samples/{case}/{shard}.json"], models
    for encoder, case in product(encoders, study.cases):
        features = f"features/{encoder}/exemplars/{case}.safetensors"
        yield "embed_exemplars", f"embed/{encoder}.exemplars.{case}", [features], 1
    for encoder in encoders:
        features = f"features/{encoder}/distractors.safetensors"
        yield "embed_distractors", f"embed/{encoder}.distractors", [features], 1
    for encoder, (case, shard, models) in product(encoders, shards):
        features = f"features/{encoder}/samples/{case}/{shard}.safetensors"
        yield "embed_samples", f"embed/{encoder}.samples.{case}.{shard}", [features], models
    yield from _of_heads(study)
    summarized = product(study.sections["methods"], encoders, study.training_sets[study.untuned_set].heads)
    tables = [
        *(f"report/tables/{table}.csv" for table in TABLES),
        *("report/table.csv", "report/table.md"),
        *(f"report/summary/{method}.{encoder}.{head}.json" for method, encoder, head in summarized),
    ]
    yield "tabulate", "tabulate", tables, 1
    yield "plot", "plot", [f"report/figures/{figure}.svg" for figure in FIGURES], 1
    yield "gallery", "gallery", ["report/gallery.html"], 1
    yield "dataset_table", "dataset_table", ["report/tables/dataset.csv"], 1
    yield "rulegraph", "rulegraph", ["report/rulegraph.svg"], 1
    yield "index", "index", ["report/index.html"], 1


def _of_heads(study: Study) -> Iterator[tuple[str, str, list[str], int]]:
    heads = [
        (encoder, head, training_set)
        for encoder, (head, training_set) in product(study.sections["encoders"], study.fitted)
    ]
    for parts in heads:
        file = f"heads/{'/'.join(parts)}"
        yield "train_head", f"train_head/{'.'.join(parts)}", [f"{file}.safetensors", f"{file}.history.csv"], 1
    for parts in heads:
        yield "calibrate", f"calibrate/{'.'.join(parts)}", [f"heads/{'/'.join(parts)}.calibration.json"], 1
    scored = [(method, *parts) for method, parts in product(study.sections["methods"], heads)]
    for parts, case in product(scored, study.test_cases):
        yield "attribute", f"attribute/{'.'.join(parts)}.{case}", [f"scores/{'/'.join(parts)}/{case}.parquet"], 1
    for parts in scored:
        yield "evaluate", f"evaluate/{'.'.join(parts)}", [f"metrics/{'/'.join(parts)}.json"], 1

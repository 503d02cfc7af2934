"""What the benchmarks take from a finished study: settings, ingredients and models."""

from dataclasses import replace
from pathlib import Path

from workflow_scripts.ground_truth.models import Ingredients
from workflow_scripts.study import checks, schema
from workflow_scripts.study import settings as rule_settings
from workflow_scripts.study.settings.ground_truth import ShardSettings
from workflow_scripts.study.study import Study

ROOT = Path(__file__).parents[1]


def load(name: str) -> Study:
    """The study of this name, checked."""
    config = schema.read_yaml(ROOT / checks.study_file(name, ROOT))
    return checks.load_study(config, ROOT)


def object_shards(study: Study, split: str) -> list[tuple[str, str]]:
    """Case and shard of the object models of a split."""
    cases = [name for name, case in study.cases.items() if case.kind == "object"]
    return [(case, shard) for case in cases for shard in study.shards(case, split)]


def settings_of(study: Study, rule: str, models: int, split: str) -> ShardSettings:
    """The settings of a job of `finetune` or `sample`, with only the first `models` of its shard.

    Raises:
        ValueError: no shard has so many.
    """
    for case, shard in object_shards(study, split):
        settings = rule_settings.make(rule, study, case=case, shard=shard)
        if len(settings.models) >= models:
            return replace(settings, models=settings.models[:models])
    raise ValueError(f"{study.name}: no shard of split {split} has {models} object models")


def ingredients(name: str, models: int) -> Ingredients:
    """The ingredients of the study's first object models of train.

    Raises:
        FileNotFoundError: the study was not run.
    """
    study = load(name)
    settings = settings_of(study, "finetune", models, "train")
    results = ROOT / "results" / name
    blocks = study.blocks_of(settings.case, settings.shard)
    return Ingredients(
        ROOT / study.sections["base_model"]["path"],
        needed(results / "exemplars" / f"{settings.case}.parquet"),
        [needed(results / "regularization" / f"{block}.safetensors") for block in blocks],
        settings,
    )


def needed(path: Path) -> Path:
    """A file of the study's results.

    Raises:
        FileNotFoundError: the study was not run; the message says how to.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path.relative_to(ROOT)}: is missing; run `make demo` first")
    return path

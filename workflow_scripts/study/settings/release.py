"""The settings of the rules that take what the authors released, see docs/release.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Self

from workflow_scripts.study.settings.ground_truth import File, ShardSettings
from workflow_scripts.study.study import Study


@dataclass(frozen=True)
class ImportSamplesSettings(ShardSettings, rules=["import_samples"]):
    """How many samples the release should have of the models of a shard.

    Attributes:
        prompts: number of prompts of each prompt set.
        samples_per_prompt: of each model.
        allow_missing: whether images may be missing.
        release: version of the release.
    """

    prompts: Mapping[str, int]
    samples_per_prompt: int
    allow_missing: bool
    release: int

    @classmethod
    def of(cls, study: Study, case: str, shard: str) -> Self:
        return cls(
            **cls._names(study, case, shard),
            prompts={name: templates.count for name, templates in study.prompts_of(case).templates["test"].items()},
            samples_per_prompt=study.samples_per_prompt,
            allow_missing=allows_missing(study),
            release=version(study),
        )

    def files(self) -> list[File]:
        """All files that a complete release gives; what they hold depends on it."""
        return [
            File(f"{model}.{prompt_set}.parquet", model, None)
            for model, prompt_set in product(self.models, self.prompts)
        ]


def allows_missing(study: Study) -> bool:
    return study.sections.get("allow_missing") in (True, "true")


def version(study: Study) -> int:
    return study.sections["release"]["version"]

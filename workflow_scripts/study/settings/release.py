"""The settings of the rules that take what the authors released, see docs/release.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, Self

from msgspec import UNSET, UnsetType

from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.settings.evaluation import HeadSettings
from workflow_scripts.study.settings.exemplars import SelectExemplarsSettings
from workflow_scripts.study.settings.ground_truth import File, ShardSettings
from workflow_scripts.study.study import UNTUNED, Study


@dataclass(frozen=True, kw_only=True)
class ImportExemplarsSettings(SelectExemplarsSettings, rules=["import_exemplars"]):
    """The models of a case, of which the release has exemplars."""

    allow_missing: bool  # whether images may be missing; models without all their exemplars are then left out
    release: int  # version of the release

    inputs: ClassVar = {}

    @classmethod
    def of(cls, study: Study, case: str) -> Self:
        return super().of(study, case, allow_missing=_allows_missing(study), release=_version(study))


@dataclass(frozen=True)
class ImportSamplesSettings(ShardSettings, rules=["import_samples"]):
    """How many samples the release should have of the models of a shard."""

    prompts: Mapping[str, int]  # their number, of each prompt set
    samples_per_prompt: int  # of each model
    allow_missing: bool  # whether images may be missing
    release: int  # version of the release

    @classmethod
    def of(cls, study: Study, case: str, shard: str) -> Self:
        return cls._of_shard(
            study,
            case,
            shard,
            prompts={name: lines.count for name, lines in study.prompts_of(case).templates["test"].items()},
            samples_per_prompt=study.samples_per_prompt,
            allow_missing=_allows_missing(study),
            release=_version(study),
        )

    def files(self) -> list[File]:
        """The files that a complete release gives; what they hold depends on it."""
        pairs = product(self.models, self.prompts)
        return [File(f"{model}.{prompt_set}.parquet", model, None) for model, prompt_set in pairs]


@dataclass(frozen=True)
class ImportDistractorsSettings(Settings, rules=["import_distractors"]):
    """How many distractors the release has features of."""

    study: str  # name of the study
    count: int
    release: int  # version of the release
    images: bool | UnsetType = UNSET  # true if the images are needed, too: an encoder's features were not released

    inputs: ClassVar = {"features": "features"}

    @classmethod
    def of(cls, study: Study) -> Self:
        all_released = study.sections["encoders"].keys() <= study.sections["release"]["encoders"].keys()
        images = UNSET if all_released else True
        return cls(study.name, study.sections["distractors"]["count"], _version(study), images)


@dataclass(frozen=True)
class ImportFeaturesSettings(Settings, rules=["import_features"]):
    """The encoder whose features were released."""

    encoder: str
    options: Mapping[str, Any]  # the encoder's section
    release: int | UnsetType = UNSET  # version of the release; a person who calls the step may leave it out

    inputs: ClassVar = {"distractors": "source", "exemplars": "source", "samples": "source", "features": "features"}

    @classmethod
    def of(cls, study: Study, encoder: str) -> Self:
        return cls(encoder, study.sections["encoders"][encoder], _version(study))


@dataclass(frozen=True)
class ImportHeadSettings(HeadSettings, rules=["import_head"]):
    """A head that was released, or the untuned one, for which there are no files."""

    release: int | UnsetType = UNSET  # version of the release; a person who calls the step may leave it out

    inputs: ClassVar = {"mapper": "mapper", "calibrator": "calibrator"}

    @classmethod
    def of(cls, study: Study, **head: str) -> Self:
        return cls(**head, release=_version(study))

    @property
    def learned(self) -> bool:
        """Whether there is a file of its maps."""
        return self.head != UNTUNED

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        """With `raw` for released maps: they apply to features as long as the encoder makes them."""
        return {**self.to_json(), "raw": True} if self.learned else self.to_json()


@dataclass(frozen=True)
class ListMissingSettings(Settings, rules=["list_missing"]):
    """The study whose release lacks images."""

    study: str  # name of the study

    inputs: ClassVar = {"exemplars": "{path}", "samples": "{path}"}

    @classmethod
    def of(cls, study: Study) -> Self:
        return cls(study.name)


def _allows_missing(study: Study) -> bool:
    return study.sections.get("allow_missing") in (True, "true")


def _version(study: Study) -> int:
    return study.sections["release"]["version"]

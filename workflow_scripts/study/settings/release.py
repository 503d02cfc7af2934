"""The settings of the rules that take what the authors released, see docs/release.md.

All name the version of the release; a person who imports one file of features or one head may leave it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.settings.evaluation import HeadSettings
from workflow_scripts.study.settings.exemplars import SelectExemplarsSettings
from workflow_scripts.study.settings.ground_truth import File, ShardSettings
from workflow_scripts.study.study import UNTUNED, Study


@dataclass(frozen=True, kw_only=True)
class ImportExemplarsSettings(SelectExemplarsSettings, rules=["import_exemplars"]):
    """The models of a case. If images may be missing, those without all their exemplars are left out."""

    allow_missing: bool
    release: int

    inputs: ClassVar = {}


@dataclass(frozen=True)
class ImportSamplesSettings(ShardSettings, rules=["import_samples"]):
    """How many samples the release should have of the models of a shard; `prompts` are counted by prompt set."""

    prompts: Mapping[str, int]
    samples_per_prompt: int
    allow_missing: bool
    release: int

    @classmethod
    def own(cls, study: Study, case: str, shard: str) -> dict[str, Any]:
        prompts = {name: lines.count for name, lines in study.prompts_of(case).templates["test"].items()}
        return {**super().own(study, case, shard), "prompts": prompts}

    def files(self) -> list[File]:
        """The files that a complete release gives; what they hold depends on it."""
        pairs = product(self.models, self.prompts)
        return [File(f"{model}.{prompt_set}.parquet", model, None) for model, prompt_set in pairs]


@dataclass(frozen=True)
class ImportDistractorsSettings(Settings, rules=["import_distractors"]):
    """How many distractors the release has features of."""

    study: str
    count: int
    release: int

    inputs: ClassVar = {"features": "features"}

    @classmethod
    def own(cls, study: Study) -> dict[str, Any]:
        return {"count": study.sections["distractors"]["count"]}


@dataclass(frozen=True)
class ImportFeaturesSettings(Settings, rules=["import_features"]):
    """The encoder whose features were released; `options` are its section."""

    encoder: str
    options: Mapping[str, Any]
    release: int | None = None

    inputs: ClassVar = {**dict.fromkeys(("distractors", "exemplars", "samples"), "source"), "features": "features"}

    @classmethod
    def own(cls, study: Study, encoder: str) -> dict[str, Any]:
        return {"options": study.sections["encoders"][encoder]}


@dataclass(frozen=True)
class ImportHeadSettings(HeadSettings, rules=["import_head"]):
    """A head that was released, or the untuned one, of which there are no files."""

    release: int | None = None

    inputs: ClassVar = {"mapper": "mapper", "calibrator": "calibrator"}

    @property
    def learned(self) -> bool:
        """Whether there is a file of its maps."""
        return self.head != UNTUNED

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        """With `raw` for released maps: they apply to features as long as the encoder makes them."""
        return {**self.to_json(), "raw": True} if self.learned else self.to_json()

"""The settings of the rules from features to metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from workflow_scripts.study.settings.base import Number, Record, Settings
from workflow_scripts.study.study import Study


@dataclass(frozen=True)
class EmbedSettings(Settings, rules=["embed_exemplars", "embed_distractors", "embed_samples"]):
    """The section of an encoder. The provenance names the encoder, too, and the weights that it reads from a path."""

    options: Mapping[str, Any]

    inputs: ClassVar = {"images": "source", "samples": "source"}

    @classmethod
    def own(cls, study: Study, encoder: str) -> dict[str, Any]:
        return {"options": study.sections["encoders"][encoder]}

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        return {**self.options, "encoder": wildcards["encoder"]}

    def made_from(self, **files: Any) -> dict[str, Path]:
        weights = {"weights": Path(self.options["path"])} if "path" in self.options else {}
        return {**super().made_from(**files), **weights}


@dataclass(frozen=True)
class HeadSettings(Settings):
    """The names of an encoder, of a head on its features, and of what the head is learned on."""

    encoder: str
    head: str
    training_set: str


@dataclass(frozen=True)
class TrainHeadSettings(HeadSettings, rules=["train_head"]):
    """How a head is learned; `options` are its section."""

    seed: int
    share: Number
    options: Mapping[str, Any]

    inputs: ClassVar = {"exemplar_features": "{path}", "sample_features": "{path}"}

    @classmethod
    def own(cls, study: Study, head: str, **names: str) -> dict[str, Any]:
        return {"options": study.sections["heads"][head]}


@dataclass(frozen=True)
class CalibrateSettings(HeadSettings, rules=["calibrate"]):
    """How a head's scores are calibrated."""

    memory_mb: Number
    version: int

    inputs: ClassVar = {"head": "head", "distractor_features": "distractor_features"}

    @classmethod
    def own(cls, study: Study, **names: str) -> dict[str, Any]:
        return dict(study.sections["calibration"])


@dataclass(frozen=True)
class AttributeSettings(HeadSettings, rules=["attribute"]):
    """How the samples of a case are attributed; `options` are the section of the method."""

    method: str
    case: str
    memory_mb: Number
    options: Mapping[str, Any]

    inputs: ClassVar = {
        **{name: name for name in ("head", "calibration", "distractor_features")},
        "sample_features": "samples_{stem}",
    }

    @classmethod
    def own(cls, study: Study, method: str, **names: str) -> dict[str, Any]:
        return {"options": study.sections["methods"][method]}


@dataclass(frozen=True)
class CaseToScore(Record):
    """What the evaluation should know of a case.

    Attributes:
        kind: `object` or `style`.
        sets: whether its models differ in their number of exemplars on purpose.
        expected: of a release, how many test samples of each prompt set a complete one has.
    """

    kind: str
    sets: bool
    expected: Mapping[str, int] | None = None

    @classmethod
    def of(cls, study: Study, case: str) -> Self:
        kind, sets = study.cases[case].kind, bool(study.cases[case].set_sizes)
        if not study.is_released:
            return cls(kind, sets)
        samples = len(study.cases[case].models["test"]) * study.samples_per_prompt
        templates = study.prompts_of(case).templates["test"]
        return cls(kind, sets, {prompt_set: samples * lines.count for prompt_set, lines in templates.items()})


@dataclass(frozen=True)
class Evaluation(Record):
    """The study's section: the K of Recall@K, resamples of the models, and the splits whose samples are attributed."""

    recall_at: tuple[int, ...]
    bootstrap: int
    splits: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class EvaluateSettings(HeadSettings, rules=["evaluate"]):
    """How the scores of a method with a head are summarized."""

    method: str
    share: Number
    cases: Mapping[str, CaseToScore]
    seed: int
    evaluation: Evaluation

    inputs: ClassVar = {"scores": "scores_{stem}", "untuned": "untuned_{stem}"}

    @classmethod
    def own(cls, study: Study, **names: str) -> dict[str, Any]:
        return {"cases": {case: CaseToScore.of(study, case) for case in study.cases}}

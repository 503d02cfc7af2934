"""The settings of the rules from features to metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from msgspec import UNSET, UnsetType

from workflow_scripts.study.settings.base import Number, Record, Settings
from workflow_scripts.study.study import Study


@dataclass(frozen=True)
class EmbedSettings(Settings, rules=["embed_exemplars", "embed_distractors", "embed_samples"]):
    """An encoder."""

    options: Mapping[str, Any]  # the encoder's section

    inputs: ClassVar = {"images": "source", "samples": "source"}

    @classmethod
    def of(cls, study: Study, encoder: str) -> Self:
        return cls(study.sections["encoders"][encoder])

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        return {**self.options, "encoder": wildcards["encoder"]}

    def made_from(self, **files: Any) -> dict[str, Path]:
        """The images and, of an encoder that reads weights from a path, these."""
        weights = {"weights": Path(self.options["path"])} if "path" in self.options else {}
        return {**super().made_from(**files), **weights}


@dataclass(frozen=True)
class HeadSettings(Settings):
    """The names of a head, and what it is learned on."""

    encoder: str
    head: str
    training_set: str


@dataclass(frozen=True)
class TrainHeadSettings(HeadSettings, rules=["train_head"]):
    """How a head is learned."""

    seed: int  # of the study
    share: Number  # of the train models
    options: Mapping[str, Any]  # the head's section

    inputs: ClassVar = dict.fromkeys(
        ["exemplars", "exemplar_features", "sample_manifests", "sample_features"], "{path}"
    )

    @classmethod
    def of(cls, study: Study, encoder: str, head: str, training_set: str) -> Self:
        share = study.training_sets[training_set].share
        return cls(encoder, head, training_set, study.seed, share, study.sections["heads"][head])


@dataclass(frozen=True)
class CalibrateSettings(HeadSettings, rules=["calibrate"]):
    """How a head's scores are calibrated."""

    memory_mb: Number  # for a block of features and its scores
    version: int

    inputs: ClassVar = {**TrainHeadSettings.inputs, "head": "head", "distractor_features": "distractor_features"}

    @classmethod
    def of(cls, study: Study, **head: str) -> Self:
        return cls(**head, **study.sections["ranking"], **study.sections["calibration"])


@dataclass(frozen=True)
class AttributeSettings(HeadSettings, rules=["attribute"]):
    """How the samples of a case are attributed."""

    method: str
    case: str
    memory_mb: Number  # for a block of features and its scores
    options: Mapping[str, Any]  # the method's section

    inputs: ClassVar = {**CalibrateSettings.inputs, "calibration": "calibration", "distractors": "distractors"}

    @classmethod
    def of(cls, study: Study, method: str, **cell: str) -> Self:
        return cls(method=method, **cell, **study.sections["ranking"], options=study.sections["methods"][method])


@dataclass(frozen=True)
class CaseToScore(Record):
    """What the evaluation should know of a case."""

    kind: str  # `object` or `style`
    sets: bool  # whether its models differ in their number of exemplars on purpose
    expected: Mapping[str, int] | UnsetType = UNSET  # test samples by prompt set, if a complete release decides that

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
    """The study's section `evaluation`."""

    recall_at: tuple[int, ...]  # the K of Recall@K
    bootstrap: int  # resamples of the models; see `evaluation.intervals`
    splits: tuple[str, ...]  # whose samples are attributed
    version: int


@dataclass(frozen=True)
class EvaluateSettings(HeadSettings, rules=["evaluate"]):
    """How the scores of a method with a head are summarized."""

    method: str
    share: Number  # of the train models, on which the head was learned
    cases: Mapping[str, CaseToScore]
    seed: int  # of the study
    evaluation: Evaluation

    inputs: ClassVar = {"scores": "scores_{stem}", "untuned": "untuned_{stem}", "whole": "whole_{stem}"}

    @classmethod
    def of(cls, study: Study, training_set: str, **names: str) -> Self:
        return cls(
            training_set=training_set,
            **names,
            share=study.training_sets[training_set].share,
            cases={case: CaseToScore.of(study, case) for case in study.cases},
            seed=study.seed,
            evaluation=Evaluation(**study.sections["evaluation"]),
        )

"""The settings of the rules that measure something about the ground truth, for docs/."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from workflow_scripts.study.settings.base import Record, Settings, image_encoders
from workflow_scripts.study.settings.ground_truth import Sampling, base_model
from workflow_scripts.study.study import Study


@dataclass(frozen=True)
class Measured(Settings):
    """How the samples are drawn that something is measured on.

    Attributes:
        seed: of the study.
        base_model: name and version of the base model.
        customization: name of the plug-in.
    """

    seed: int
    base_model: Mapping[str, Any]
    sampling: Sampling
    customization: str

    @staticmethod
    def _drawing(study: Study) -> dict[str, Any]:
        return {
            "seed": study.seed,
            "base_model": base_model(study),
            "sampling": Sampling(**study.sections["sampling"]),
            "customization": study.sections["customization"]["name"],
        }


@dataclass(frozen=True)
class MeasureCustomizabilitySettings(Measured, rules=["measure_customizability"]):
    """The encoders that should find exemplars again.

    Attributes:
        encoders: the study's section.
    """

    encoders: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, study: Study) -> Self:
        return cls(**cls._drawing(study), encoders=study.sections["encoders"])


@dataclass(frozen=True)
class ModelToCompress(Record):
    """A model, and templates of prompts."""

    case: str
    model: str
    class_word: str
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class EncoderToUse(Record):
    """An encoder and its section."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class MeasureLowRankSettings(Measured, rules=["measure_low_rank"]):
    """The models that are compressed, and the encoder that compares their samples.

    Attributes:
        study: name of the study.
    """

    study: str
    encoder: EncoderToUse
    models: tuple[ModelToCompress, ...]

    @classmethod
    def of(cls, study: Study) -> Self:
        encoder = image_encoders(study)[0]
        section = study.sections["encoders"][encoder]
        return cls(
            **cls._drawing(study),
            study=study.name,
            encoder=EncoderToUse(encoder, section),
            models=tuple(cls._models(study)),
        )

    @staticmethod
    def _models(study: Study) -> Iterator[ModelToCompress]:
        """Test models of each case, the first and the middle one, with two prompts each."""
        for name, case in study.cases.items():
            tested = case.models["test"]
            for model in tested[:: max(1, len(tested) // 2)][:2]:
                prompts = study.prompts_of(name).templates["test"]["llm"].of(model.class_word)[:2]
                yield ModelToCompress(name, model.name, model.class_word, tuple(prompts))

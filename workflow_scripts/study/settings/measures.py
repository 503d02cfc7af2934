"""The settings of the rules that measure something about the ground truth, for docs/."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from workflow_scripts.study.settings.base import Record, Settings, image_encoders
from workflow_scripts.study.settings.ground_truth import Sampling, sampling
from workflow_scripts.study.study import Study


@dataclass(frozen=True)
class Measured(Settings):
    """How the samples are drawn that something is measured on."""

    seed: int  # of the study
    base_model: Mapping[str, Any]  # without its path
    sampling: Sampling
    customization: str  # name of the plug-in


@dataclass(frozen=True)
class MeasureCustomizabilitySettings(Measured, rules=["measure_customizability"]):
    """The encoders that should retrieve exemplars."""

    encoders: Mapping[str, Mapping[str, Any]]  # the study's section

    @classmethod
    def of(cls, study: Study) -> Self:
        return cls(seed=study.seed, **sampling(study), encoders=study.sections["encoders"])


@dataclass(frozen=True)
class Prompt(Record):
    """A prompt of objects, with `{subject}`, and where it is used."""

    template: str
    prompt_set: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class MeasureGatesSettings(Settings, rules=["measure_gates"]):
    """The encoders that should find exemplars again, and the prompts of objects."""

    seed: int  # of the study
    encoders: Mapping[str, Mapping[str, Any]]  # the study's section
    prompts: tuple[Prompt, ...]

    @classmethod
    def of(cls, study: Study) -> Self:
        splits: dict[tuple[str, str], dict[str, None]] = {}  # by prompt: val may share some with test
        for name in (name for name, case in study.cases.items() if case.kind == "object"):
            for split, prompt_sets in study.prompts_of(name).templates.items():
                for prompt_set, templates in prompt_sets.items():
                    for text in templates.of(""):
                        splits.setdefault((text, prompt_set), {})[split] = None
        prompts = tuple(Prompt(*prompt, tuple(used)) for prompt, used in splits.items())
        return cls(study.seed, study.sections["encoders"], prompts)


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
    """The models that are compressed, and the encoder that compares their samples."""

    study: str  # name of the study
    encoder: EncoderToUse
    models: tuple[ModelToCompress, ...]

    @classmethod
    def of(cls, study: Study) -> Self:
        name = image_encoders(study)[0]
        encoder = EncoderToUse(name, study.sections["encoders"][name])
        models = tuple(_models_to_compress(study))
        return cls(seed=study.seed, **sampling(study), study=study.name, encoder=encoder, models=models)


def _models_to_compress(study: Study) -> Iterator[ModelToCompress]:
    """Test models of each case, the first and the middle one, with two prompts each."""
    for name, case in study.cases.items():
        tested = case.models["test"]
        for model in tested[:: max(1, len(tested) // 2)][:2]:
            prompts = study.prompts_of(name).templates["test"]["llm"].of(model.class_word)[:2]
            yield ModelToCompress(name, model.name, model.class_word, tuple(prompts))

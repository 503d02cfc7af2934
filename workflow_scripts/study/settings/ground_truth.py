"""The settings of the rules that make the ground truth: images of class words, customized models, and their samples.

A rule that makes many files at once declares only a manifest. Its settings, which are `ShardSettings`, list the files
that lie beside the manifest.
"""

import itertools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from msgspec import UNSET, UnsetType

from workflow_scripts.study.settings.base import Number, Record, Settings
from workflow_scripts.study.study import CLASS_WORD, TOKEN, Study


@dataclass(frozen=True)
class Course(Record):
    """A course of denoising, from noise to latents."""

    scheduler: str  # the sampler, one of `denoising.SCHEDULERS`
    steps: int
    guidance: Number  # scale of classifier-free guidance


@dataclass(frozen=True)
class Batches(Course):
    """How images are drawn."""

    batch: int  # images at once
    precision: str  # of the network
    version: int


@dataclass(frozen=True, kw_only=True)
class RegularizationSettings(Settings, Batches, rules=["regularization"]):
    """The images of class words that keep what these words mean: with the study's section `regularization`."""

    study_seed: int
    base_model: Mapping[str, Any]  # without its path
    class_words: tuple[str, ...]  # of the block
    captions: tuple[str, ...]  # of the images of each class word, in turn, with `{class_word}`
    images_per_class_word: int

    inputs: ClassVar = {"base_model": "base_model"}

    @classmethod
    def of(cls, study: Study, block: str) -> Self:
        return cls(
            study_seed=study.seed,
            base_model=base_model(study),
            class_words=study.blocks[block],
            captions=study.block_prompts(block).regularization,
            **study.sections["regularization"],
        )

    def captions_of(self, class_word: str) -> list[str]:
        """The captions of a class word's images."""
        captions = itertools.islice(itertools.cycle(self.captions), self.images_per_class_word)
        return [caption.replace(CLASS_WORD, class_word) for caption in captions]


@dataclass(frozen=True)
class File:
    """A file beside the manifest of a shard."""

    name: str
    model: str  # the customized model that it belongs to
    settings: Mapping[str, Any] | None  # in its provenance; None if they depend on a release, which may be gone by now
    entry: Mapping[str, Any] = field(default_factory=dict)  # in the manifest, beside its name, its model and its hashes


@dataclass(frozen=True)
class ShardSettings(Settings):
    """The settings of a rule that makes files for the models of a shard."""

    study: str  # name of the study
    seed: int  # of the study
    case: str
    kind: str  # of the case, `object` or `style`
    shard: str
    models: tuple[str, ...]  # in order
    class_words: Mapping[str, str]  # of each model

    @classmethod
    def _of_shard(cls, study: Study, case: str, shard: str, **more: Any) -> Self:
        """With the fields of a subclass in `more`."""
        words = {model.name: model.class_word for model in study.shard(case, shard)}
        return cls(study.name, study.seed, case, study.cases[case].kind, shard, tuple(words), words, **more)

    @abstractmethod
    def files(self) -> list[File]:
        """The files beside the manifest, in its order."""


@dataclass(frozen=True)
class FinetuneSettings(ShardSettings, rules=["finetune"]):
    """How the models of a shard are made."""

    base_model: Mapping[str, Any]  # without its path
    prompt: str  # of fine-tuning, with `{class_word}`
    customization: Mapping[str, Any]  # the study's section

    SPEED: ClassVar = ("models_per_batch", "compile")  # keys of `customization` that decide how fast, but not what

    @classmethod
    def of(cls, study: Study, case: str, shard: str) -> Self:
        return cls._of_shard(
            study,
            case,
            shard,
            base_model=base_model(study),
            prompt=study.prompts_of(case).finetune,
            customization=study.sections["customization"],
        )

    def files(self) -> list[File]:
        names = {"seed": self.seed, "case": self.case, "kind": self.kind, "base_model": self.base_model}
        shared = {**names, "customization": _without(self.customization, *self.SPEED)}
        prompts = {model: self.prompt.replace(CLASS_WORD, word) for model, word in self.class_words.items()}
        return [
            File(f"{model}.safetensors", model, {**shared, "model": model, "prompt": prompts[model]})
            for model in self.models
        ]


@dataclass(frozen=True)
class Sampling(Batches):
    """The study's section `sampling`."""

    samples_per_prompt: int  # images of each model and prompt
    compile: bool | UnsetType = UNSET  # whether the network is compiled first

    SPEED: ClassVar = ("batch", "compile")  # keys that decide how fast, but not what


@dataclass(frozen=True)
class SampleSettings(ShardSettings, rules=["sample"]):
    """How the models of a shard are sampled."""

    base_model: Mapping[str, Any]  # without its path
    prompts: Mapping[str, list[str] | dict[str, list[str]]]  # templates of each prompt set, or those of each class word
    sampling: Sampling
    customization: str  # name of the plug-in

    @classmethod
    def of(cls, study: Study, case: str, shard: str) -> Self:
        models = study.shard(case, shard)
        words = dict.fromkeys(model.class_word for model in models)
        templates = study.prompts_of(case).templates[models[0].split]
        prompts = {
            prompt_set: {word: lines.of(word) for word in words} if lines.by_class_word else lines.of("")
            for prompt_set, lines in templates.items()
        }
        return cls._of_shard(study, case, shard, prompts=prompts, **sampling(study))

    def files(self) -> list[File]:
        shared = {
            "seed": self.seed,
            "base_model": self.base_model,
            "customization": self.customization,
            "sampling": _without(self.sampling.to_json(), *Sampling.SPEED),
        }
        files = []
        for model, prompt_set in itertools.product(self.models, self.prompts):
            prompts = self._prompts(model, prompt_set)
            settings = {**shared, "model": model, "prompt_set": prompt_set, "prompts": prompts}
            entry = {"prompt_set": prompt_set, "n": len(prompts) * self.sampling.samples_per_prompt}
            files.append(File(f"{model}.{prompt_set}.parquet", model, settings, entry))
        return files

    def _prompts(self, model: str, prompt_set: str) -> list[str]:
        word, templates = self.class_words[model], self.prompts[prompt_set]
        return fill_in(templates[word] if isinstance(templates, Mapping) else templates, word)


def fill_in(templates: Sequence[str], class_word: str) -> list[str]:
    """The prompts of a model: `{subject}` becomes `<new1> cat`."""
    return [template.replace("{subject}", f"{TOKEN} {class_word}") for template in templates]


def base_model(study: Study) -> dict[str, Any]:
    """Which base model, but not where it lies: the path must not change an image."""
    return _without(study.sections["base_model"], "path")


def sampling(study: Study) -> dict[str, Any]:
    """The fields that say how a study draws samples."""
    return {
        "base_model": base_model(study),
        "sampling": Sampling(**study.sections["sampling"]),
        "customization": study.sections["customization"]["name"],
    }


def _without(section: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in keys}

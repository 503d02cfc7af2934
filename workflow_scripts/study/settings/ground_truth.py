"""The settings of the rules that make the ground truth: images of class words, customized models, and their samples.

A rule that makes many files at once declares only a manifest. Its settings, which are `ShardSettings`, list the files
that lie beside the manifest.
"""

import itertools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from workflow_scripts.study.settings.base import Number, Record, Settings, without
from workflow_scripts.study.study import TOKEN, Study


@dataclass(frozen=True)
class Course(Record):
    """A course of denoising.

    Attributes:
        scheduler: the sampler, one of `denoising.SCHEDULERS`.
        steps: their number.
        guidance: scale of classifier-free guidance.
    """

    scheduler: str
    steps: int
    guidance: Number


@dataclass(frozen=True)
class RegularizationSettings(Settings, Course, rules=["regularization"]):
    """The images that keep what class words mean: the study's section, and what they are made from.

    Attributes:
        class_words: of a block.
        captions: of the images of each class word, in turn, with `{class_word}`.
    """

    study_seed: int
    base_model: Mapping[str, Any]
    class_words: tuple[str, ...]
    captions: tuple[str, ...]
    images_per_class_word: int
    batch: int
    precision: str
    version: int

    inputs: ClassVar = {"base_model": "base_model"}

    @classmethod
    def own(cls, study: Study, block: str) -> dict[str, Any]:
        words, captions = study.blocks[block], study.block_prompts(block).regularization
        section = study.sections["regularization"]
        return {"study_seed": study.seed, "class_words": words, "captions": captions, **section}

    def captions_of(self, class_word: str) -> list[str]:
        """The captions of a class word's images."""
        captions = itertools.islice(itertools.cycle(self.captions), self.images_per_class_word)
        return [caption.replace("{class_word}", class_word) for caption in captions]


@dataclass(frozen=True)
class File:
    """A file beside the manifest of a shard.

    Attributes:
        model: the customized model that it belongs to.
        settings: what its provenance should say; None if that depends on a release, which may be gone by now.
        entry: what the manifest says of it, beside its name, its model and its hashes.
    """

    name: str
    model: str
    settings: Mapping[str, Any] | None
    entry: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardSettings(Settings):
    """The settings of a rule that makes files for the models of a shard, which are in order, with their class words."""

    study: str
    seed: int
    case: str
    kind: str
    shard: str
    models: tuple[str, ...]
    class_words: Mapping[str, str]

    @classmethod
    def own(cls, study: Study, case: str, shard: str) -> dict[str, Any]:
        words = {model.name: model.class_word for model in study.shard(case, shard)}
        return {"models": tuple(words), "class_words": words}

    @abstractmethod
    def files(self) -> list[File]:
        """The files beside the manifest, in its order."""


@dataclass(frozen=True)
class FinetuneSettings(ShardSettings, rules=["finetune"]):
    """How the models of a shard are made; the `prompt` has `{class_word}`."""

    base_model: Mapping[str, Any]
    prompt: str
    customization: Mapping[str, Any]

    SPEED: ClassVar = ("models_per_batch", "compile")  # keys of `customization` that decide how fast, but not what

    @classmethod
    def own(cls, study: Study, case: str, shard: str) -> dict[str, Any]:
        return {**super().own(study, case, shard), "prompt": study.prompts_of(case).finetune}

    def files(self) -> list[File]:
        names = {"seed": self.seed, "case": self.case, "kind": self.kind, "base_model": self.base_model}
        shared = {**names, "customization": without(self.customization, self.SPEED)}
        prompts = {model: self.prompt.replace("{class_word}", self.class_words[model]) for model in self.models}
        return [
            File(f"{model}.safetensors", model, {**shared, "model": model, "prompt": prompt})
            for model, prompt in prompts.items()
        ]


@dataclass(frozen=True)
class Sampling(Course):
    """The study's section: how models are sampled."""

    samples_per_prompt: int
    batch: int
    precision: str
    version: int
    compile: bool | None = None

    SPEED: ClassVar = ("batch", "compile")  # keys that decide how fast, but not what


@dataclass(frozen=True)
class SampleSettings(ShardSettings, rules=["sample"]):
    """How the models of a shard are sampled.

    Attributes:
        prompts: the templates of each prompt set, by class word if these have different ones.
        customization: name of the plug-in.
    """

    base_model: Mapping[str, Any]
    prompts: Mapping[str, list[str] | dict[str, list[str]]]
    sampling: Sampling
    customization: str

    @classmethod
    def own(cls, study: Study, case: str, shard: str) -> dict[str, Any]:
        shared, split = super().own(study, case, shard), study.shard(case, shard)[0].split
        words = dict.fromkeys(shared["class_words"].values())
        prompts = {
            prompt_set: {word: lines.of(word) for word in words} if lines.by_class_word else lines.of("")
            for prompt_set, lines in study.prompts_of(case).templates[split].items()
        }
        return {**shared, "prompts": prompts, "customization": study.sections["customization"]["name"]}

    def files(self) -> list[File]:
        names = {"seed": self.seed, "base_model": self.base_model, "customization": self.customization}
        shared = {**names, "sampling": without(self.sampling.to_json(), Sampling.SPEED)}
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

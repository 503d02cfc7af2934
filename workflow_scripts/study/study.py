"""A study as the Snakefile sees it: all that the benchmark holds, known from configuration alone.

Every job parses the Snakefile again, so this module needs the standard library only. Paths of lists and templates
are relative to the folder of the Snakefile.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from workflow_scripts.cli import read_text

SPLITS = ("train", "val", "test")
PROMPT_SETS = ("llm", "procedural")
UNTUNED = "identity"  # the head that leaves features as they are: what learned heads are compared with
ID = re.compile(r"[a-z0-9][a-z0-9_+-]*")
CLASS_WORD = "{class_word}"
TOKEN = "<new1>"  # V*, the new word of every customized model; prompts and lists spell it like this


@dataclass(frozen=True)
class Model:
    """A customized model, before it exists: object models have one exemplar, style models a group of them."""

    name: str  # `{class}_{k:04d}` for objects, the group's id for styles, or `{group}_{size:04d}`
    split: str
    class_name: str  # id of the class; a style is a class of its own
    class_word: str  # the word that follows the token in prompts


@dataclass(frozen=True)
class Models(Sequence):
    """The models of a case and split, each made when it is asked for: a list may have a million classes."""

    split: str
    words: Mapping[str, str]  # class word by class
    endings: Sequence[str]  # of the names of the models of each class

    def __len__(self) -> int:
        return len(self.words) * len(self.endings)

    def __getitem__(self, i: int | slice) -> Any:
        """A model, or a tuple of them."""
        places = range(len(self))[i]
        return tuple(map(self._make, places)) if isinstance(i, slice) else self._make(places)

    def _make(self, place: int) -> Model:
        name = self._classes[place // len(self.endings)]
        return Model(name + self.endings[place % len(self.endings)], self.split, name, self.words[name])

    @cached_property
    def _classes(self) -> list[str]:
        return list(self.words)


@dataclass(frozen=True)
class Case:
    """A collection of exemplars with its role (paper section 4): `imagenet_seen`, `bamfg` ..."""

    name: str
    kind: str  # `object` or `style`
    source: str
    # Class word by id, per split. Objects: the classes, the same in each split; styles: the split's groups.
    members: Mapping[str, Mapping[str, str]]
    models_per_class: Mapping[str, int]  # per split; 1 for styles
    set_sizes: tuple[int, ...] = ()  # of a style case: on how many of a group's exemplars to tune; empty: on all
    numbered_from: Mapping[str, int] = field(default_factory=dict)  # of an object case: see `numbers`
    group_counts: Mapping[str, int] = field(default_factory=dict)  # of groups that are only counted, per split
    prompts: str = ""  # which of the study's prompts its models have

    @classmethod
    def from_mapping(cls, name: str, section: Mapping[str, Any], class_word: str | None, root: Path) -> Self:
        """Reads the lists that a case's section names; `class_word` replaces the words of the lists unless null."""
        groups = section.get("groups", {})
        counts = {split: group["count"] for split, group in groups.items() if isinstance(group, Mapping)}
        if section["kind"] == "object":
            members = dict.fromkeys(SPLITS, read_list(root / section["classes"], class_word))
        else:
            members = {
                split: {f"{name}_{split}_{i:05d}": class_word or "" for i in range(counts[split])}
                if split in counts
                else read_list(root / group, class_word)
                for split, group in groups.items()
            }
        per_class = section.get("models_per_class", dict.fromkeys(groups, 1))
        return cls(
            name,
            section["kind"],
            section["source"],
            members,
            models_per_class={split: per_class.get(split, 0) for split in SPLITS},
            set_sizes=tuple(section.get("set_sizes", ())),
            numbered_from=section.get("numbered_from", {}),
            group_counts=counts,
            prompts=prompts_of(section),
        )

    @cached_property
    def models(self) -> Mapping[str, Sequence[Model]]:
        """The models of each split, class by class, so that a class added to the end of a list reshuffles nothing."""
        return {split: Models(split, self.members.get(split, {}), self._endings(split)) for split in SPLITS}

    def _endings(self, split: str) -> list[str]:
        """What follows the class in the names of its models."""
        plain = self.kind == "style" and not self.set_sizes
        return [""] if plain else [f"_{k:04d}" for k in self.set_sizes or self.numbers(split)]

    def numbers(self, split: str) -> range:
        """The numbers of the models of each class in a split; they follow those of the split before, or start anew."""
        follows = sum(self.models_per_class.get(earlier, 0) for earlier in SPLITS[: SPLITS.index(split)])
        first = self.numbered_from.get(split, follows)
        return range(first, first + self.models_per_class.get(split, 0))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if self.models[split])


@dataclass(frozen=True)
class Templates:
    """The first `count` lines of a list of prompts; for objects with `{subject}` ("<new1> cat")."""

    file: Path  # of all class words, or with `{class_word}` in its name, one of each
    count: int

    @property
    def by_class_word(self) -> bool:
        return CLASS_WORD in self.file.name

    def of(self, class_word: str) -> list[str]:
        return read_lines(file_of(self.file, class_word))[: self.count]


def file_of(file: Path, class_word: str) -> Path:
    """The list of prompts of a class word; a file name has no spaces."""
    return file.with_name(file.name.replace(CLASS_WORD, class_word.replace(" ", "-")))


@dataclass(frozen=True)
class Prompts:
    """The prompts of a kind of model."""

    finetune: str  # the prompt of fine-tuning, with `{class_word}`
    regularization: tuple[str, ...]  # captions of the prior-preservation images, with `{class_word}`
    templates: Mapping[str, Mapping[str, Templates]]  # the sampling prompts by split and prompt set

    @classmethod
    def from_mapping(cls, section: Mapping[str, Any], root: Path) -> Self:
        lists = {prompt_set: section[prompt_set] for prompt_set in PROMPT_SETS}
        templates = {
            split: {name: Templates(root / own[split]["file"], own[split]["count"]) for name, own in lists.items()}
            for split in SPLITS
            if all(split in own for own in lists.values())
        }
        return cls(section["finetune"], tuple(read_lines(root / section["regularization"])), templates)


@dataclass(frozen=True)
class TrainingSet:
    """What heads learn on."""

    cases: tuple[str, ...]  # their train split is learned on, their val split selects and calibrates
    share: float  # of the train models, for the learning curve; a smaller share is part of a larger one
    heads: tuple[str, ...]  # the heads that are learned on it


@dataclass(frozen=True)
class Study:
    """One configuration of the whole benchmark."""

    name: str
    seed: int
    models_per_job: int
    class_words_per_job: int
    cases: Mapping[str, Case]
    prompts: Mapping[str, Prompts]
    training_sets: Mapping[str, TrainingSet]
    sections: Mapping[str, Any]  # the study file as it is, for what jobs need of it
    root: Path = Path()  # the project's folder, which has the Snakefile

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any], root: Path = Path()) -> Self:
        """The study of a configuration that has passed `checks.problems`."""
        words = {name: section["class_word"] for name, section in config["prompts"].items()}
        return cls(
            name=config["study"],
            seed=config["seed"],
            models_per_job=config["models_per_job"],
            class_words_per_job=config["class_words_per_job"],
            cases={
                name: Case.from_mapping(name, section, words[prompts_of(section)], root)
                for name, section in config["cases"].items()
            },
            prompts={name: Prompts.from_mapping(section, root) for name, section in config["prompts"].items()},
            training_sets={
                name: TrainingSet(
                    tuple(section["cases"]), section.get("share", 1.0), tuple(section.get("heads", config["heads"]))
                )
                for name, section in config["training_sets"].items()
            },
            sections=config,
            root=root,
        )

    def shards(self, case: str, split: str) -> list[str]:
        """Names of the shards of a case and split, in order; with one model per job, the models' names."""
        return [shard for shard, (own, _) in self._shards[case].items() if own == split]

    def shard(self, case: str, shard: str) -> tuple[Model, ...]:
        """The models of a shard, in order."""
        split, part = self._shards[case][shard]
        return self.cases[case].models[split][part]

    @cached_property
    def _shards(self) -> dict[str, dict[str, tuple[str, slice]]]:
        """The split of each shard of a case, and its part of the split's models."""
        shards: dict[str, dict[str, tuple[str, slice]]] = {case: {} for case in self.cases}
        for case, split in itertools.product(self.cases, SPLITS):
            models = self.cases[case].models[split]
            for i, start in enumerate(range(0, len(models), self.models_per_job)):
                name = models[start].name if self.models_per_job == 1 else f"{split}_{i:04d}"
                shards[case][name] = split, slice(start, start + self.models_per_job)
        return shards

    @cached_property
    def blocks(self) -> dict[str, tuple[str, ...]]:
        """The class words of each job of `regularization`; a word of several cases belongs to the first."""
        first: dict[str, str] = {}  # case by class word
        for case in self.cases.values():
            for word in itertools.chain.from_iterable(case.members[split].values() for split in case.splits):
                first.setdefault(word, case.name)
        return {
            f"{case}_{i:04d}": words
            for case in self.cases
            for i, words in enumerate(_batched([w for w in first if first[w] == case], self.class_words_per_job))
        }

    def blocks_of(self, case: str, shard: str) -> list[str]:
        """The blocks of regularization that hold the class words of a shard."""
        return list(dict.fromkeys(self._block_of[model.class_word] for model in self.shard(case, shard)))

    @cached_property
    def _block_of(self) -> dict[str, str]:
        return {word: block for block, words in self.blocks.items() for word in words}

    def block_prompts(self, block: str) -> Prompts:
        """The prompts of the case that a block of regularization is named after."""
        return self.prompts_of(block.rpartition("_")[0])

    def prompts_of(self, case: str) -> Prompts:
        return self.prompts[self.cases[case].prompts]

    @property
    def is_released(self) -> bool:
        """Whether models, samples and heads are those of a release."""
        return is_released(self.sections)

    @property
    def samples_per_prompt(self) -> int:
        """Images of each model and prompt: that are made, or that were released."""
        return self.sections["release" if self.is_released else "sampling"]["samples_per_prompt"]

    def images(self, case: str, split: str) -> int:
        """Images of each model of a case and split."""
        templates = self.prompts_of(case).templates[split]
        return sum(template.count for template in templates.values()) * self.samples_per_prompt

    def count_images(self, cases: Iterable[str], splits: Collection[str]) -> int:
        """Images of all models of some cases and splits."""
        pairs = ((case, split) for case, split in itertools.product(cases, splits) if split in self.cases[case].splits)
        return sum(len(self.cases[case].models[split]) * self.images(case, split) for case, split in pairs)

    @property
    def fitted(self) -> list[tuple[str, str]]:
        """Every head that is learned, with its training set."""
        return [(head, name) for name, training_set in self.training_sets.items() for head in training_set.heads]

    def encoders_of(self, head: str) -> list[str]:
        """The encoders that have a head: all, but of a release only those whose maps were released."""
        names = list(self.sections["encoders"])
        if head == UNTUNED or not self.is_released:
            return names
        return [name for name in names if name in self.sections["release"]["encoders"]]

    @property
    def untuned_set(self) -> str:
        """The training set whose val split calibrates the untuned features, which every head is compared with."""
        return next(name for head, name in self.fitted if head == UNTUNED)

    def whole_set(self, head: str, training_set: str) -> str | None:
        """Of a head that is learned on a share of the train models: the training set of the same head with all of them.

        None if the head is learned on all itself, or the study has no such training set.
        """
        own = self.training_sets[training_set]
        alike = (name for name, other in self.training_sets.items() if (other.cases, other.share) == (own.cases, 1))
        return next((name for name in alike if own.share < 1 and head in self.training_sets[name].heads), None)

    @property
    def test_cases(self) -> list[str]:
        """The cases that are evaluated: those with a test split."""
        return [name for name, case in self.cases.items() if "test" in case.splits]


def is_released(config: Mapping[str, Any]) -> bool:
    """Whether a study takes models, samples and heads from a release, instead of making them."""
    return "release" in config


def prompts_of(section: Mapping[str, Any]) -> str:
    """Which of the study's prompts the models of a case have."""
    return section.get("prompts", section["kind"])


def splits_of(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the section of a case says of each split that it has: the models of each class, or the groups."""
    return section.get("models_per_class", section.get("groups", {}))


def image_sections(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sections that choose images, by key: those of the cases, and the distractors."""
    cases = {f"cases.{name}": section for name, section in config["cases"].items()}
    return {**cases, "distractors": config["distractors"]}


def _batched(items: Sequence[Any], size: int) -> list[tuple]:
    return [tuple(items[i : i + size]) for i in range(0, len(items), size)]


def read_lines(path: Path) -> list[str]:
    """The lines of a committed list, without comments and blank lines; raises `ValueError` if it is no text."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_list(path: Path, class_word: str | None = None) -> dict[str, str]:
    """Class words by id. A line is an id, or id, tab and class word; without one, the id with spaces for hyphens."""
    rows = (line.partition("\t") for line in read_lines(path))
    return {name: class_word or word.strip() or name.replace("-", " ") for name, _, word in rows}

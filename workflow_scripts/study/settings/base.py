"""What the settings of all rules share: made from the study, sent to the step as JSON, and read there.

The settings of a rule are a frozen dataclass that holds the part of the study that a job needs and nothing else, so
that only a change of that part runs the job again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from workflow_scripts import plugins
from workflow_scripts.study.study import Study

Number = int | float  # a number stays as the study spells it: 3 and 3.0 are two spellings in JSON
OPTIONS = "options"  # the field of the keys of a plug-in's section; in JSON they stand beside the other keys
TYPES: dict[str, type["Settings"]] = {}  # by rule


@dataclass(frozen=True)
class Record:
    """A frozen dataclass that is one JSON object. A field whose default is None is left out where it is None."""

    def to_json(self) -> dict[str, Any]:
        """The object, in which each value is spelt as in the study."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for field in fields(self):
            if field.default is None and values[field.name] is None:
                del values[field.name]
        options = values.pop(OPTIONS, {})
        return {**_plain(values), **options}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads the object.

        Raises:
            ValueError: a key is missing, is unknown, or has a value of another type; the message names it.
        """
        return msgspec.convert(cls._by_field(value), cls)

    @classmethod
    def _by_field(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the fields; raises `ValueError` naming a key that is no field."""
        types = {field.name: field.type for field in fields(cls)}
        others = {key: value[key] for key in value.keys() - types.keys()}
        values = {key: value[key] for key in value.keys() & types.keys()}
        if OPTIONS in types:
            return {**values, OPTIONS: others}
        if others:
            raise ValueError(f"{min(others)!r}: unknown key; valid keys: {', '.join(sorted(types))}")
        for key, section in values.items():
            if _is_record(types[key]) and isinstance(section, Mapping):
                types[key]._by_field(section)
        return values


def _is_record(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Record)


def _plain(value: Any) -> Any:
    """A value with JSON objects for records."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


@dataclass(frozen=True)
class Settings(Record):
    """The settings of one or more rules.

    Attributes:
        inputs: what the provenance calls a rule's inputs, by their name in the rule. In `scores_{stem}` stands the name
            of the file without its ending, in `{path}` its path. The provenance names no other input.
    """

    inputs: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, rules: Iterable[str] = (), **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        TYPES.update(dict.fromkeys(rules, cls))

    @classmethod
    def of(cls, study: Study, **wildcards: str) -> Self:
        """The settings of a job.

        A field is what `own` gives it; else the wildcard, the entry of SHARED or the study's section of its name.
        """
        values = cls.own(study, **wildcards)
        for field in fields(cls):
            if field.name not in values:
                values[field.name] = _value(field.name, field.type, study, wildcards)
        return cls(**values)

    @classmethod
    def own(cls, study: Study, **wildcards: str) -> dict[str, Any]:
        """The values of the fields that these rules alone have."""
        return {}

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        """The settings as the provenance names them; `wildcards` are the job's."""
        return self.to_json()

    def made_from(self, **files: Path | str | Iterable[Path | str] | None) -> dict[str, Path]:
        """The inputs that the provenance names, by their name there; `files` by their name in the rule."""
        sources = {}
        for name, pattern in self.inputs.items():
            given = files.get(name) or ()
            for file in map(Path, [given] if isinstance(given, (str, Path)) else given):
                sources[pattern.format(stem=file.stem, path=file)] = file
        return sources


def _value(name: str, type_: Any, study: Study, wildcards: Mapping[str, str]) -> Any:
    if name in wildcards:
        return wildcards[name]
    if name in SHARED:
        return SHARED[name](study, **wildcards)
    return type_(**study.sections[name]) if _is_record(type_) else study.sections[name]


def without(section: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """A section without some keys."""
    return {key: value for key, value in section.items() if key not in keys}


def image_encoders(study: Study) -> list[str]:
    """The encoders of a study that look at images."""
    return [name for name in study.sections["encoders"] if plugins.reads(name) == "image"]


SHARED = {  # the fields of several rules
    "study": lambda study, **_: study.name,
    "seed": lambda study, **_: study.seed,
    "kind": lambda study, case, **_: study.cases[case].kind,  # `object` or `style`
    # The path of the base model must not change an image.
    "base_model": lambda study, **_: without(study.sections["base_model"], ("path",)),
    # Of the train models on which a head is learned.
    "share": lambda study, training_set, **_: study.training_sets[training_set].share,
    # Megabytes that a block of features and its scores may take.
    "memory_mb": lambda study, **_: study.sections["ranking"]["memory_mb"],
    "samples_per_prompt": lambda study, **_: study.samples_per_prompt,
    "allow_missing": lambda study, **_: study.sections.get("allow_missing") in (True, "true"),  # images of a release
    "release": lambda study, **_: study.sections["release"]["version"],
}

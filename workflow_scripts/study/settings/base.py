"""What the settings of all rules share: made from the study, sent to the step as JSON, and read there.

The settings of a rule are a frozen dataclass that holds the part of the study that a job needs and nothing else, so
that only a change of that part runs the job again. The class method `of` makes them from a study and a job's wildcards,
`to_json` gives what travels to the step, and `from_json` reads it there.
"""

from collections.abc import Iterable, Mapping
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
            if isinstance(types[key], type) and issubclass(types[key], Record) and isinstance(section, Mapping):
                types[key]._by_field(section)
        return values


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
        """The settings of a job."""
        raise NotImplementedError(cls.__name__)

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


def image_encoders(study: Study) -> list[str]:
    """The encoders of a study that look at images."""
    return [name for name in study.sections["encoders"] if plugins.reads(name) == "image"]

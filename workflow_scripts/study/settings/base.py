"""What the settings of all rules share: made from the study, sent to the step as JSON, and read there.

The settings of a rule are a frozen dataclass that holds the part of the study that a job needs and nothing else, so
that only a change of that part runs the job again.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from workflow_scripts import plugins
from workflow_scripts.study import strict
from workflow_scripts.study.study import Study

Number = int | float  # a number stays as the study spells it: 3 and 3.0 are two spellings in JSON
OPTIONS = "options"  # the field of the keys of a plug-in's section; in JSON they stand beside the other keys
TYPES: dict[str, type["Settings"]] = {}  # by rule


@dataclass(frozen=True)
class Record:
    """A frozen dataclass that is one JSON object. A field that is UNSET is left out."""

    def to_json(self) -> dict[str, Any]:
        """The object, in which each value is spelt as in the study."""
        values = msgspec.json.decode(msgspec.json.encode(self))
        options = values.pop(OPTIONS, {})
        return {**values, **options}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads the object.

        Raises:
            ValueError: a key is missing, is unknown, or has a value of another type; the message names it.
        """
        if OPTIONS in (own := {field.name for field in fields(cls)}):
            value = {**value, OPTIONS: {key: value[key] for key in value.keys() - own}}
        ignored = value[OPTIONS].keys() if OPTIONS in own else ()
        try:
            return strict.convert(value, cls, ignored)
        except ValueError as error:
            rules = " and ".join(rule for rule, type_ in TYPES.items() if type_ is cls)
            raise ValueError(f"settings of {rules or cls.__name__}: {error}") from error


@dataclass(frozen=True)
class Settings(Record):
    """The settings of one or more rules."""

    # What the provenance calls a rule's inputs, by their name in the rule; it names no other input. `{stem}` stands for
    # the name of the file without its ending, `{path}` for its path.
    inputs: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, rules: Iterable[str] = ()) -> None:
        super().__init_subclass__()
        TYPES.update(dict.fromkeys(rules, cls))

    @classmethod
    @abstractmethod
    def of(cls, study: Study, **wildcards: str) -> Self:
        """The settings of a job."""

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

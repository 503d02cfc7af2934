"""Checks the keys and types of the files in config/ with the schemas in config/schemas/ and the keys of plug-ins.

The messages are our own: they name the key and what would be valid. The Snakefile asks, so this needs no heavy import.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from jsonschema import Draft202012Validator, ValidationError

from workflow_scripts import plugins
from workflow_scripts.study.study import is_released, read_text

PLUGIN_SECTIONS = ("encoders", "heads", "methods")  # kinds of plug-ins with an entry for each
NAMED_SECTIONS = {"base_model": "base_models", "customization": "customization"}  # the kind of the one plug-in


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; raises `ValueError` naming file and line if it is not YAML."""
    try:
        return yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: {error.problem}" if mark else "a character that YAML does not allow"
        raise ValueError(f"{file}: not valid YAML ({place})") from error


def problems(config: Mapping[str, Any], schema_file: Path) -> list[str]:
    """Every violation of a schema, one line each: key, what is wrong, what is valid."""
    return list(_violations(config, read_yaml(schema_file), ()))


def study_problems(config: Mapping[str, Any], schema_file: Path) -> list[str]:
    """The same for a study, to whose schema plug-ins add their keys."""
    schema = read_yaml(schema_file)
    version = schema["$defs"]["version"]
    violations = list(_violations(config, schema, ()))
    for kind in PLUGIN_SECTIONS:
        for name, settings in _mapping(config.get(kind)).items():
            imported = kind == "heads" and is_released(config)  # not learned, so it needs no settings
            violations += _plugin_violations(settings, kind, name, (kind, name), {"version": version}, imported)
    for section, kind in NAMED_SECTIONS.items():
        settings = _mapping(config.get(section))
        common = schema["properties"][section]["properties"] | {"version": version}
        violations += _plugin_violations(settings, kind, settings.get("name"), (section,), common)
    return list(dict.fromkeys(violations))


def _plugin_violations(
    settings: Any, kind: str, name: Any, path: tuple, common: Mapping[str, Any], bare: bool = False
) -> list[str]:
    """Checks a section with the keys that its plug-in declares; `checks` reports a plug-in that does not exist."""
    if name not in plugins.names(kind) or not isinstance(settings, Mapping):
        return []
    own = {} if bare else section_schema(plugins.settings_type(kind, name))
    keys = {**common, **own.get("properties", {})}
    keys["version"] = keys.pop("version")  # the last, as in the studies
    required = [*common, *own.get("required", ())]
    schema = {"type": "object", "properties": keys, "required": required, "additionalProperties": False}
    return list(_violations(settings, schema, path))


def section_schema(settings_type: type | None) -> dict[str, Any]:
    """The JSON Schema of a section from the dataclass that declares its keys; empty if there is none."""
    if settings_type is None:
        return {}
    (reference,), definitions = msgspec.json.schema_components([settings_type])
    return _resolved(reference, definitions)


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references; objects are closed, and `X | None` has two types, which make clearer messages."""
    if isinstance(schema, list):
        return [_resolved(part, definitions) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    resolved = {key: _resolved(part, definitions) for key, part in schema.items()}
    if reference := resolved.pop("$ref", None):
        target = _resolved(definitions[reference.rpartition("/")[2]], definitions)
        return {**target, "additionalProperties": False, **resolved}
    match resolved.get("anyOf"):
        case [{"type": str(kind), **rest}, {"type": "null"}]:
            del resolved["anyOf"]
            resolved |= {**rest, "type": [kind, "null"]}
    return resolved


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _violations(value: Any, schema: Mapping[str, Any], path: tuple) -> Iterator[str]:
    for error in Draft202012Validator(schema).iter_errors(value):
        key = ".".join(str(part) for part in (*path, *error.absolute_path))
        yield from _messages(error, key)


def _messages(error: ValidationError, key: str) -> Iterator[str]:
    """Our own messages for an error of jsonschema."""
    prefix = f"{key}." if key else ""
    match error.validator:
        case "additionalProperties":
            valid = list(error.schema.get("properties", {}))
            for unknown in error.instance.keys() - set(valid):
                yield f"{prefix}{unknown}: unknown key{_hint(unknown, valid)}; valid keys: {', '.join(valid)}"
        case "required":
            described = error.schema.get("properties", {})
            for missing in set(error.validator_value) - error.instance.keys():
                yield f"{prefix}{missing}: missing key ({_describe(described.get(missing, {}))})"
        case "dependentRequired":
            for present, needed in error.validator_value.items():
                for missing in set(needed) - error.instance.keys() if present in error.instance else ():
                    yield f"{prefix}{missing}: missing key ({_describe(error.schema['properties'][missing])})"
        case "anyOf" if "required" in error.validator_value[0]:
            valid = " or ".join(choice["required"][0] for choice in error.validator_value)
            yield f"{prefix}{valid}: missing key; one of these is needed"
        case "pattern":
            yield f"{key}: {error.instance!r} must match {error.validator_value}"
        case _:
            yield f"{key}: {error.message} ({_describe(error.schema)})"


def _hint(word: str, valid: list[str]) -> str:
    return "".join(f", did you mean {close!r}?" for close in difflib.get_close_matches(word, valid, n=1))


def _describe(schema: Mapping[str, Any]) -> str:
    return schema.get("description", "see config/schemas/")

"""Plug-ins: one module per plug-in, in the folder of its kind. File name = config key = wildcard value = table label.

A plug-in declares the keys of its own section of a study in a module constant `SETTINGS`: JSON Schema properties, by
key. It must be a literal, because the Snakefile reads it without importing the module (and torch with it). Every key
is required, and `version` belongs to each section without being declared.
"""

import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parent
KINDS = ("base_models", "customization", "encoders", "exemplar_sources", "heads", "methods")


def names(kind: str) -> list[str]:
    """The plug-ins of a kind, sorted: its modules whose names do not start with an underscore."""
    return sorted(file.stem for file in (PACKAGE / kind).glob("[!_]*.py"))


def unknown(kind: str, name: str) -> str:
    """What to tell a user whose `name` is no plug-in of `kind`."""
    return f"no such plug-in in workflow_scripts/{kind}/; it has {', '.join(names(kind)) or 'none'}"


def load(kind: str, name: str) -> ModuleType:
    """Imports the plug-in `workflow_scripts.{kind}.{name}`.

    Raises:
        ValueError: there is no such plug-in; the message lists those that exist.
    """
    if name not in names(kind):
        raise ValueError(f"{name!r}: {unknown(kind, name)}")
    return importlib.import_module(f"workflow_scripts.{kind}.{name}")


def settings_schema(kind: str, name: str) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each key that a plug-in's section may hold, read from its source without importing it.

    Raises:
        ValueError: the plug-in's `SETTINGS` is not a literal.
    """
    return _literal(kind, name, "SETTINGS", {})


def reads(encoder: str) -> str:
    """What an encoder looks at, `image` or `prompt`: the constant `READS` of its module, read without importing it."""
    return _literal("encoders", encoder, "READS", "image")


def _literal(kind: str, name: str, constant: str, default: Any) -> Any:
    file = PACKAGE / kind / f"{name}.py"
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=target)], value=value)
                | ast.AnnAssign(target=ast.Name(id=target), value=value)
            ) if target == constant:
                try:
                    return ast.literal_eval(value)
                except ValueError as error:
                    message = f"{file}: {constant} must be a literal, without names or calls ({error})"
                    raise ValueError(message) from error
    return default

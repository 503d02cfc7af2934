"""Plug-ins: one module per plug-in, in the folder of its kind. File name = config key = wildcard value = table label.

A plug-in declares the keys of its section of a study as a frozen dataclass `Settings`, whose fields have msgspec's
`Meta`. A key without a default is required. Every section has the key `version`, which is not declared. A plug-in
without `Settings` has no other keys. The Snakefile reads `Settings` without importing the module (and torch with it):
the class may use only what the module imports from `DECLARATIONS`.
"""

import ast
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from workflow_scripts.study import strict

PACKAGE = Path(__file__).parent
KINDS = ("base_models", "customization", "encoders", "exemplar_sources", "heads", "methods")
DECLARATIONS = ("dataclasses", "typing", "msgspec", "workflow_scripts.study.options")
BESIDE = ("name", "version")  # keys of a section that its plug-in does not declare
READS = ("image", "prompt")  # what an encoder may look at


def names(kind: str) -> list[str]:
    """The plug-ins of a kind, sorted: its modules whose names do not start with an underscore."""
    return sorted(file.stem for file in (PACKAGE / kind).glob("[!_]*.py"))


def unknown(kind: str, name: str) -> str:
    """The error for a `name` that is no plug-in of `kind`."""
    return f"no such plug-in in workflow_scripts/{kind}/; it has {', '.join(names(kind)) or 'none'}"


def load(kind: str, name: str) -> ModuleType:
    """Imports the plug-in `workflow_scripts.{kind}.{name}`.

    Raises:
        ValueError: there is no such plug-in; the message lists those that exist.
    """
    if name not in names(kind):
        raise ValueError(f"{name!r}: {unknown(kind, name)}")
    return importlib.import_module(f"workflow_scripts.{kind}.{name}")


def settings(kind: str, name: str, section: Mapping[str, Any]) -> Any:
    """The plug-in's `Settings`, made from its section of a study; None if the plug-in has no keys.

    Raises:
        ValueError: a key is missing, is unknown, or has a wrong value.
    """
    return read_section(getattr(load(kind, name), "Settings", None), f"{kind}.{name}", section)


def read_section(declared: type | None, key: str, section: Mapping[str, Any]) -> Any:
    """A section of a study as the `Settings` that its plug-in declares; `key` names it in errors. See `settings`."""
    try:
        if declared:
            return strict.convert(section, declared, BESIDE)
        for unknown_key in sorted(section.keys() - BESIDE):
            raise ValueError(f"{unknown_key}: unknown key; the plug-in has no keys")
    except ValueError as error:
        raise ValueError(f"{key}.{error}") from error


def settings_type(kind: str, name: str) -> type | None:
    """The class `Settings` of a plug-in, made from its source without importing the module; None if it has none.

    Raises:
        ValueError: the class needs more than the module imports from `DECLARATIONS`, or is no dataclass.
    """
    file, statements = _source(kind, name)
    namespace: dict[str, Any] = {"__name__": f"workflow_scripts.{kind}.{name}"}
    code = ast.Module(list(filter(_is_declaration, statements)), type_ignores=[])
    try:
        exec(compile(code, file, "exec", dont_inherit=True), namespace)
    except (NameError, ImportError) as error:
        raise ValueError(
            f"{file}: Settings may use only what the module imports from {', '.join(DECLARATIONS)}, because the "
            f"Snakefile reads it without the rest of the module ({error})"
        ) from error
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file}: Settings is not a valid dataclass ({error})") from error
    declared = namespace.get("Settings")
    if declared is not None and "__dataclass_fields__" not in vars(declared):
        raise ValueError(f"{file}: Settings must be a dataclass; put @dataclass(frozen=True) above it")
    return declared


def reads(encoder: str) -> str:
    """What an encoder looks at, `image` or `prompt`: the constant `READS` of its module, `image` if there is none.

    Raises:
        ValueError: the constant is neither.
    """
    return _constant("encoders", encoder, "READS", READS)


def has_folders(source: str) -> bool:
    """Whether a source of images keeps them as files in folders: the constant `FOLDERS` of its module.

    A class or group is then the folder of its name, and distractors are anywhere below the source's own folder, so that
    files can be counted before a job runs. Raises `ValueError` if the constant is neither True nor False.
    """
    return _constant("exemplar_sources", source, "FOLDERS", (False, True))


def _constant(kind: str, name: str, constant: str, choices: Sequence[Any]) -> Any:
    """The value of a module's constant, read without importing the module; the first choice if there is none."""
    file, statements = _source(kind, name)
    for node in statements:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=found)], value=value)
                | ast.AnnAssign(target=ast.Name(id=found), value=value)
            ) if found == constant:
                if isinstance(value, ast.Constant) and value.value in choices:
                    return value.value
                valid = " or ".join(map(repr, choices))
                raise ValueError(f"{file}: {constant} is {ast.unparse(value)}, expected {valid}")
    return choices[0]


def _source(kind: str, name: str) -> tuple[Path, list[ast.stmt]]:
    file = PACKAGE / kind / f"{name}.py"
    try:
        return file, ast.parse(file.read_bytes()).body
    except SyntaxError as error:  # also what is not UTF-8
        raise ValueError(f"{file}: not valid Python (line {error.lineno}: {error.msg})") from error


def _is_declaration(node: ast.stmt) -> bool:
    """Whether a statement is the class `Settings`, or an import that it may use."""
    match node:
        case ast.ImportFrom(module=module):
            return module in DECLARATIONS
        case ast.Import(names=aliases):
            return {alias.name for alias in aliases} <= set(DECLARATIONS)
        case ast.ClassDef(name="Settings"):
            return True
    return False

"""What the project's modules import of each other when they run, read from their source."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests import projects

PACKAGES = ("workflow_scripts", "benchmarks")


@dataclass(frozen=True)
class Import:
    """A line of a module that imports another module of the project."""

    importer: str
    imported: str
    place: str  # file and line


@cache
def modules() -> dict[str, Path]:
    """The files of the project's packages by the names of their modules."""
    files = (file for package in PACKAGES for file in (projects.ROOT / package).rglob("*.py"))
    return {".".join(_parts(file)): file for file in sorted(files)}


def _parts(file: Path) -> tuple[str, ...]:
    parts = file.relative_to(projects.ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(line for module in modules() for line in _imports_of(module))


def _imports_of(module: str) -> Iterator[Import]:
    for node in _statements(tree(module)):
        for imported in dict.fromkeys(_names(node)):
            yield Import(module, imported, f"{modules()[module].relative_to(projects.ROOT)}:{node.lineno}")


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, without those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from _statements(child)


def _names(node: ast.AST) -> Iterator[str]:
    """The modules of the project that a statement imports."""
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases if alias.name in modules())
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            for alias in aliases:
                full = f"{module}.{alias.name}"
                name = full if full in modules() else module
                if name in modules():
                    yield name


@cache
def graph() -> Mapping[str, frozenset[str]]:
    """The modules that each module imports."""
    edges: dict[str, set[str]] = {module: set() for module in modules()}
    for line in imports():
        edges[line.importer].add(line.imported)
    return {module: frozenset(imported) for module, imported in edges.items()}


def reached(start: Collection[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    """All names that some import, directly or through others; themselves only if they stand in a circle."""
    seen, waiting = set(), list(start)
    while waiting:
        new = set(edges[waiting.pop()]) - seen
        seen |= new
        waiting += new
    return seen

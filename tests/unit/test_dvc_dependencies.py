"""The code that a stage of dvc.yaml depends on is the code that its rules run: nothing is missing, nothing idle."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests import imports, projects

FILE = projects.ROOT / "dvc.yaml"
CODE = "workflow_scripts"
STAGES = yaml.safe_load(FILE.read_text())["stages"]
RULE = re.compile(r"^rule \w+:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^    output:\n(.*?)(?=^    \w+:)", re.MULTILINE | re.DOTALL)
STEP = re.compile(rf"-m ({CODE}\.\w+\.\w+)")


def shared() -> list[str]:
    """What most stages share, as the comment of dvc.yaml says."""
    line = re.search(r"^# Shared by most stages, and so not listed: (.+)\.$", FILE.read_text(), re.MULTILINE)
    return [f"{CODE}/{name}" for name in line[1].split(", ")]


@cache
def outputs() -> dict[str, set[str]]:
    """Every output of the rules, with the modules of the steps that make it, in a study that is not of a release."""
    steps: dict[str, set[str]] = {}
    for file in sorted({*(projects.ROOT / "rules").glob("*.smk")} - {projects.ROOT / "rules/release.smk"}):
        for body in RULE.findall(file.read_text()):
            block = OUTPUT.search(body)
            for path in re.findall(r'"([^"]+/[^"]+)"', block[1]) if block else ():
                steps.setdefault(re.sub(r"\{+study\}+", "${study}", path), set()).update(STEP.findall(body))
    return steps


def steps_of(stage: str) -> set[str]:
    """The modules of the steps that fill the outs of a stage; assets are made in build/ and copied to data/."""
    folders = tuple(f"{next(iter(out))}/" for out in STAGES[stage]["outs"])
    paths = {path for path in outputs() if path.replace("build/", "data/", 1).startswith(folders)}
    return {step for path in paths for step in outputs()[path]}


@cache
def plugins() -> dict[str, set[str]]:
    """The plug-ins that the study of config/config.yaml names, by their kind."""
    name = yaml.safe_load((projects.ROOT / "config/config.yaml").read_text())["study"]
    study = yaml.safe_load((projects.ROOT / f"config/studies/{name}.yaml").read_text())
    sources = {section["source"] for section in (*study["cases"].values(), study["distractors"])}
    return {
        "exemplar_sources": sources,
        "base_models": {study["base_model"]["name"]},
        "customization": {study["customization"]["name"]},
        **{kind: set(study[kind]) for kind in ("encoders", "heads", "methods")},
    }


def loaded(module: str) -> Iterator[str]:
    """The plug-ins that a module loads by their names."""
    for node in ast.walk(imports.tree(module)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="plugins"), attr="load"), args=[ast.Constant(kind), *_]):
                yield from (f"{CODE}.{kind}.{name}" for name in plugins()[kind])


@cache
def edges() -> dict[str, set[str]]:
    """What running each module runs: its imports, the packages that these lie in, and the plug-ins that it loads."""
    needs = {}
    for module, imported in imports.graph().items():
        names = {*imported, *loaded(module)}
        packages = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 1)}
        needs[module] = names | packages & imports.modules().keys()
    return needs


def has_code(module: str) -> bool:
    return len(imports.tree(module).body) > 1  # a package may have a docstring only


def files_of(stage: str) -> set[str]:
    """The files of the project's code that a stage runs."""
    steps = steps_of(stage)
    used = filter(has_code, steps | imports.reached(steps, edges()))
    return {imports.modules()[module].relative_to(projects.ROOT).as_posix() for module in used}


def lies_in(file: str, path: str) -> bool:
    return Path(file).is_relative_to(path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage: str):
    assert steps_of(stage), "no rule fills its outs"
    deps = [path for path in STAGES[stage]["deps"] if path.startswith(f"{CODE}/")]
    files = {file for file in files_of(stage) if not any(lies_in(file, path) for path in shared())}
    missing = sorted(file for file in files if not any(lies_in(file, path) for path in deps))
    idle = sorted(path for path in deps if not any(lies_in(file, path) for file in files))
    assert not missing, f"dvc.yaml: stage {stage} lacks {', '.join(missing)}"
    assert not idle, f"dvc.yaml: stage {stage} runs no code of {', '.join(idle)}"


@pytest.mark.parametrize("path", shared())
def test_what_is_not_listed_is_shared_by_most_stages(path: str):
    users = [stage for stage in STAGES if any(lies_in(file, path) for file in files_of(stage))]
    assert len(users) >= len(STAGES) / 2, f"only {', '.join(users)} use {path}; list it there"

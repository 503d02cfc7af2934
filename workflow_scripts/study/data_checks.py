"""What a study takes from disk: named if it is not there, refused if it is too little, before any job has run.

Only names are listed, and no more of them than a study asks for: a million images on a network disk take no second.
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts import cli, plugins
from workflow_scripts.study import folders, layout, weights
from workflow_scripts.study.study import Case, Study, image_sections

DOWNLOADS = Path("config/downloads.txt")
FETCHED = {Path("data", name) for name in ("corpus", "base_model", "clip_mini", "dino_mini")}  # the Makefile's ASSETS
SHOWN = 5  # lines about one case


def missing_images(study: Study) -> list[str]:
    """Every folder of images that is not there and is still to be chosen from: keys, path and what to do."""
    return _missing(_images(study))


def missing_others(study: Study) -> list[str]:
    """The same for what Snakemake itself looks for, by the names of files: weights that no rule makes, a text."""
    return _missing(_others(study))


def _missing(paths: Iterable[tuple[str, str]]) -> list[str]:
    keys: dict[str, list[str]] = {}  # by path
    for key, path in paths:
        if not Path(path).exists():
            keys.setdefault(path, []).append(key)
    return [
        f"{', '.join(dict.fromkeys(keys[path]))}: no such file or folder {path}"
        f"{'; `make data` fetches it' if Path(path) in FETCHED else ''}"
        for path in keys
    ]


def too_few(study: Study) -> Iterator[str]:
    """Every folder that is there, but has fewer files than the study asks images of it: key, numbers and folder."""
    for key, section in _still_to_choose(study):
        source = Path(section.get("path", ""))
        if "path" not in section or not source.is_dir() or not plugins.has_folders(section["source"]):
            continue
        if key == "distractors":
            if (files := _count(_files_below(source), section["count"])) < section["count"]:
                yield f"{key}.count: {section['count']} images asked, but {source} has {files} files"
        else:
            yield from itertools.islice(_case_problems(key, source, study.cases[key.removeprefix("cases.")]), SHOWN)


def _images(study: Study) -> Iterator[tuple[str, str]]:
    """Key and path of each source of images."""
    for key, section in _still_to_choose(study):
        if "path" in section:
            yield f"{key}.path", section["path"]
        else:
            yield "corpus.path", study.sections["corpus"]["path"]


def _others(study: Study) -> Iterator[tuple[str, str]]:
    config, downloads = study.sections, weights.read_downloads(study.root / DOWNLOADS)
    reading = {"base_model": config.get("base_model", {})}
    reading |= {f"encoders.{name}": section for name, section in config["encoders"].items()}
    for key, section in reading.items():
        path = section.get("path", "")
        if path and not weights.is_on_hub(path) and Path(path).name not in downloads:
            yield f"{key}.path", path
    for name, files in config.get("release", {}).get("encoders", {}).items():
        for key, file in files.items():
            if file and Path(config["release"]["path"]).is_dir():  # else the folder itself is named
                yield f"release.encoders.{name}.{key}", str(Path(config["release"]["path"], file))
    if "corpus" not in config:
        yield "study", os.path.relpath(study.root / f"config/studies/{study.name}.attribution.md")


def _still_to_choose(study: Study) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Key and section of each case, and of the distractors, whose images are not chosen yet."""
    for key, section in image_sections(study.sections).items():
        if not Path(layout.EXEMPLARS.format(study=study.name, case=key.removeprefix("cases."))).exists():
            yield key, section


def _case_problems(key: str, source: Path, case: Case) -> Iterator[str]:
    if case.group_counts:  # a list in the source's own data names its folders
        return
    if case.kind == "object":
        needed, asking = sum(case.models_per_class.values()), "models_per_class"
    else:
        needed, asking = max(case.set_sizes, default=1), "set_sizes" if case.set_sizes else "groups"
    for name in dict.fromkeys(name for split in case.splits for name in case.members[split]):
        folder = source / name
        if not folder.is_dir():
            present = cli.printable(", ".join(folders.folders_in(source)[:10]))
            yield f"{key}.path: {source} has no folder {name!r}; its folders: {present or 'none'}"
        elif (files := _count(folders.files_in(folder), needed)) < needed:
            yield f"{key}.{asking}: {needed} images of {name!r} asked, but {folder} has {files} files"


def _count(files: Iterator[Any], most: int) -> int:
    return sum(1 for _ in itertools.islice(files, most))


def _files_below(folder: Path) -> Iterator[str]:
    for _, names in folders.walk(folder):
        yield from (name for name in names if not name.startswith("."))

"""Whether the data and weights below data/ are what they were, by their bytes.

What proves them depends on where they came from: `dvc.lock` what DVC keeps, a checklist beside the folder what our own
rules made anew (`snakemake base_model`), the manifest a snapshot of a model hub, its sidecar or config/downloads.txt a
download. Other people's data has no proof, and is taken as it is. DVC itself compares only files with a new time.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TypedDict

import msgspec
import yaml

from workflow_scripts import artifacts
from workflow_scripts.study import layout, weights

DATA, LOCK, DOWNLOADS = Path("data"), Path("dvc.lock"), Path("config/downloads.txt")
REMAKE = f"snakemake --profile {layout.PROFILE} -- {{}}"
FOLDER = ".dir"  # the end of DVC's hash of a folder


@dataclass(frozen=True)
class Damage:
    """An input that is not what it was."""

    path: Path  # file, or the folder that is proven as a whole
    reason: str
    remedy: str  # shell commands

    def covers(self, path: Path) -> bool:
        """Whether something was read from it: a part of it, or a folder that it is in."""
        return path == self.path or self.path in path.parents or path in self.path.parents


class _File(TypedDict):
    file: str
    sha256: str


class _Snapshot(TypedDict):
    """The manifest of a snapshot, at least."""

    files: list[_File]


def damaged(needed: Iterable[str]) -> list[Damage]:
    """The inputs that are damaged, of these files and folders; what is missing is not damaged.

    Args:
        needed: relative to the project's folder, which is the working directory; only what is below data/ counts.

    Raises:
        ValueError: dvc.lock cannot be read.
    """
    paths = sorted({path for path in map(Path, needed) if DATA in path.parents})
    kept, checks = _kept_by_dvc() if paths else {}, {}
    for path in paths:
        out = next((out for out in (path, *path.parents) if out in kept), None)
        if out:
            checks[out] = partial(_of_dvc, out, kept[out])
        elif weights.is_on_hub(str(path)):
            (manifest,) = map(Path, weights.needed(str(path.with_suffix(""))))  # of the manifest itself, too
            checks[manifest] = partial(_of_hub, manifest)
        elif path.is_file():
            checks[path] = partial(_of_download, path)
    return [damage for check in checks.values() if (damage := check())]


def refuse_damaged(needed: Iterable[str]) -> None:
    """Raises `ValueError`, a line for each, if some inputs are damaged: nothing shall be made from them."""
    lines = [f"{each.path}: damaged input: {each.reason}; {each.remedy}" for each in damaged(needed)]
    if lines:
        raise ValueError("\n".join(lines))


def _kept_by_dvc() -> dict[Path, str]:
    """The MD5 of what DVC keeps below data/, by path."""
    if not LOCK.is_file():
        return {}
    try:
        stages = yaml.safe_load(artifacts.read_text(LOCK))["stages"].values()
        outs = [out for stage in stages for out in stage["outs"]]
        return {Path(out["path"]): out["md5"] for out in outs if DATA in Path(out["path"]).parents}
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{LOCK}: not a record of DVC's; git checkout {LOCK}") from error


def _of_dvc(out: Path, recorded: str) -> Damage | None:
    files = _files(out)
    if not files or _hash_of_dvc(out, files) == recorded or _is_as_made(out, files):
        return None
    name = shlex.quote(str(out))
    differing = "".join(f", it differs in {file}" for file in _differing(out))
    if (made := artifacts.sidecar_of(out)).exists():
        own = f"you made it anew: rm -r {name} && {REMAKE.format(out.name)}"  # its rule runs by its name
        reason = f"is neither what {LOCK} nor what {made} says{differing} (if {own})"
    else:
        reason = f"is not what {LOCK} says{differing} (if the change is yours: dvc commit --force {name})"
    return Damage(out, reason, _dated(f"rm -r {name} && dvc pull {name}", out, files.values()))


def _files(path: Path) -> dict[str, Path]:
    """The files of a folder by their names in it, sorted; a file is its own."""
    if path.is_file():
        return {path.name: path}
    # What a killed `dvc pull` was writing does not count; .dvcignore says so to DVC.
    files = (file for file in path.rglob("*") if file.is_file() and not fnmatch(file.name, ".*.tmp"))
    return dict(sorted((file.relative_to(path).as_posix(), file) for file in files))


def _hash_of_dvc(out: Path, files: dict[str, Path]) -> str:
    """DVC's hash of a file, or of a folder with these files."""
    rows = [{"md5": md5(file), "relpath": name} for name, file in files.items()]
    if out.is_file():
        return rows[0]["md5"]
    return hashlib.md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + FOLDER


def md5(file: Path) -> str:
    """DVC's hash of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_as_made(out: Path, files: dict[str, Path]) -> bool:
    """Whether the rule that makes an asset has left a checklist, and the folder is as it says."""
    hashes = artifacts.read_hashes(artifacts.sidecar_of(out))
    return bool(hashes) and hashes == {name: artifacts.file_hash(file) for name, file in files.items()}


def _differing(out: Path) -> Iterator[str]:
    """The files of a folder that differ, if DVC has their list at hand."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with suppress(DvcException), Repo() as repo:
        tree = next(each for each in repo.index.outs if str(each) == str(out)).get_obj() if out.is_dir() else None
        for names, _, content in tree or ():
            file = out.joinpath(*names)
            if not file.is_file() or md5(file) != content.value:
                yield "/".join(names)


def _of_hub(manifest: Path) -> Damage | None:
    if not manifest.exists():
        return None
    folder = manifest.with_suffix("")
    try:
        listed = msgspec.convert(artifacts.read_json(manifest), _Snapshot)["files"]
        hashes = {artifacts.inside(folder, each["file"]): each["sha256"] for each in listed}
    except (msgspec.ValidationError, ValueError) as error:
        return Damage(manifest, f"is no list of a snapshot's files ({error})", _again(manifest))
    wrong = [file for file, sha256 in hashes.items() if not file.is_file() or artifacts.file_hash(file) != sha256]
    if not wrong:
        return None
    names = ", ".join(str(file.relative_to(folder)) for file in wrong)
    return Damage(folder, f"is not what {manifest} says, it differs in {names}", _again(manifest, *wrong))


def _of_download(file: Path) -> Damage | None:
    is_listed = file.parent == weights.FILES and DOWNLOADS.is_file()
    published = weights.read_downloads(DOWNLOADS).get(file.name) if is_listed else None
    try:
        recorded = (published and published.sha256) or artifacts.recorded_hash(file)
    except ValueError as error:
        return Damage(file, str(error), _again(file))
    if recorded is None or recorded == artifacts.file_hash(file):
        return None
    return Damage(file, "its bytes are not those that were downloaded", _again(file))


def _again(target: Path, *others: Path) -> str:
    remedy = f"rm -f {shlex.join(map(str, (target, *others)))} && {REMAKE.format(shlex.quote(str(target)))}"
    return _dated(remedy, target, [target])


def _dated(remedy: str, path: Path, files: Iterable[Path]) -> str:
    """The remedy, with the time that files had: were they newer, Snakemake would make again what is made from them."""
    time = int(min(file.stat().st_mtime for file in files))
    return f"{remedy} && find {shlex.quote(str(path))} -type f -exec touch -d @{time} {{}} +"

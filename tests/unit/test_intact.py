"""Damaged inputs are named by what proves them, also where a damaged file has kept its time."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import projects
from workflow_scripts import artifacts
from workflow_scripts.commands import prove
from workflow_scripts.inputs import intact

WEIGHTS = Path("data/model/unet/weights.safetensors")
HUB = Path("data/hub/owner/name", "a" * 40)
LOCK = "stages:\n  model:\n    outs:\n    - path: {}\n      hash: md5\n      md5: {}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose DVC keeps data/model, with a published download, another, and a snapshot of a hub."""
    monkeypatch.chdir(tmp_path)
    write(WEIGHTS, "weights")
    write(Path("data/model/config.json"), "{}")
    rows = [{"md5": md5(file), "relpath": file.relative_to("data/model").as_posix()} for file in in_model()]
    recorded = hashlib.md5(json.dumps(rows).encode()).hexdigest()
    Path("dvc.lock").write_text(LOCK.format("data/model", f"{recorded}.dir"))
    write(HUB / "unet/config.json", "{}")
    sha256 = artifacts.file_hash(HUB / "unet/config.json")
    manifest = {"files": [{"file": "unet/config.json", "size": 2, "sha256": sha256}]}
    artifacts.write_json(f"{HUB}.json", manifest, sidecar=False)
    artifacts.write_text("data/weights/unpublished.pt", "weights")
    write(Path("data/weights/published.pt"), "weights")
    sha256 = artifacts.file_hash("data/weights/published.pt")
    write(Path("config/downloads.txt"), f"published.pt\thttp://x/a\t{sha256}\t1\nunpublished.pt\thttp://x/b\t-\t1\n")


NEEDED = [str(WEIGHTS), "data/model", f"{HUB}.json", "data/weights/unpublished.pt", "data/weights/published.pt"]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def in_model() -> list[Path]:
    return sorted(file for file in Path("data/model").rglob("*") if file.is_file())


def flip(file: Path) -> None:
    """Changes a bit as a bad disk does: the time stays."""
    before = file.stat()
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_is_whole_or_missing_is_not_damaged():
    assert intact.damaged([*NEEDED, "data/photos/mine.jpg", f"data/hub/o/n/{'b' * 40}.json"]) == []


@pytest.mark.parametrize(
    ("file", "path", "reason", "remedy"),
    [
        (WEIGHTS, "data/model", "is not what dvc.lock says", "rm -r data/model && dvc pull data/model"),
        (
            HUB / "unet/config.json",
            str(HUB),
            f"is not what {HUB}.json says, it differs in unet/config.json",
            f"rm -f {HUB}.json {HUB}/unet/config.json && snakemake --profile config/profiles/default -- {HUB}.json",
        ),
        (
            Path(f"{HUB}.json"),
            f"{HUB}.json",
            "is no list of a snapshot's files",
            f"rm -f {HUB}.json && snakemake --profile config/profiles/default -- {HUB}.json",
        ),
        (Path("data/weights/unpublished.pt"), None, "its bytes are not those that were downloaded", None),
        (Path("data/weights/published.pt"), None, "its bytes are not those that were downloaded", None),
        (Path("data/weights/unpublished.pt.sha256"), "data/weights/unpublished.pt", "its bytes are not", None),
    ],
)
def test_a_flipped_bit_is_named_with_its_remedy(file: Path, path: str | None, reason: str, remedy: str | None):
    path = path or str(file)
    flip(file)
    (damage,) = intact.damaged(NEEDED)
    assert str(damage.path) == path and reason in damage.reason
    remedy = remedy or f"rm -f {path} && snakemake --profile config/profiles/default -- {path}"
    target = path if path.startswith("data/model") else remedy.rpartition(" ")[2]
    times = [int(each.stat().st_mtime) for each in (Path(target), *Path(target).rglob("*")) if each.is_file()]
    assert damage.remedy == f"{remedy} && find {target} -type f -exec touch -d @{min(times)} {{}} +"
    with pytest.raises(ValueError, match=f"^{damage.path}: damaged input: .*{reason}.*; rm -r?f? {damage.path}"):
        intact.refuse_damaged(NEEDED)


def test_a_snapshot_names_no_file_elsewhere():
    record = artifacts.read_json(f"{HUB}.json")
    record["files"][0]["file"] = "../../../../weights/published.pt"
    artifacts.write_json(f"{HUB}.json", record, sidecar=False)
    (damage,) = intact.damaged(NEEDED)
    assert "'../../../../weights/published.pt' is no path within" in damage.reason


def test_what_a_rule_made_anew_is_proven_by_its_checklist():
    write(WEIGHTS, "trained again")
    rule = (projects.ROOT / "rules/assets.smk").read_text()
    (line,) = (line for line in rule.splitlines() if line.endswith("> data/base_model.sha256"))
    subprocess.run(["bash", "-c", line.replace("base_model", "model").replace("\\\\", "\\")], check=True)
    assert intact.damaged(NEEDED) == []
    flip(WEIGHTS)
    (damage,) = intact.damaged(NEEDED)
    remake = "rm -r data/model && snakemake --profile config/profiles/default -- model"
    assert damage.reason.startswith("is neither what dvc.lock nor what data/model.sha256 says")
    assert damage.reason.endswith(f" (if you made it anew: {remake})")


def test_the_projects_own_data_are_those_of_its_lock(monkeypatch: pytest.MonkeyPatch):
    """DVC's way to hash a folder is ours."""
    monkeypatch.chdir(projects.ROOT)
    assert intact.damaged(["data/corpus", "data/base_model", "data/clip_mini", "data/dino_mini"]) == []


def test_make_pull_proves_no_damaged_data():
    """DVC sees no difference in a file that has kept its time."""

    class Out(str):
        use_cache = True

    repo = SimpleNamespace(index=SimpleNamespace(outs=[Out("data/model")]), status=dict)
    assert prove.prove(repo) == []
    flip(WEIGHTS)
    with pytest.raises(ValueError, match=r"^data/model: damaged input: is not what dvc\.lock says"):
        prove.prove(repo)


def test_what_dvc_brings_without_sidecar_gets_one_if_its_bytes_are_those_of_the_lock():
    good, bad = (Path("results/s/report/summary", name) for name in ("good.json", "bad.json"))
    for file in (good, bad):
        write(file, "{}")
    rows = [(("summary", file.name), None, SimpleNamespace(value=md5(file))) for file in (good, bad)]
    flip(bad)

    class Out(str):
        use_cache, hash_info, get_obj = True, SimpleNamespace(isdir=True), lambda self: rows

    prove.record(SimpleNamespace(index=SimpleNamespace(outs=[Out("results/s/report")])))
    assert artifacts.recorded_hash(good) == artifacts.file_hash(good)
    assert artifacts.recorded_hash(bad) is None


def test_a_broken_lock_is_named():
    Path("dvc.lock").write_text("stages: []")
    with pytest.raises(ValueError, match=r"^dvc\.lock: not a record of DVC's; git checkout dvc\.lock$"):
        intact.damaged(NEEDED)

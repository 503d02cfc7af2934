"""Weights from a model hub and by URL, with the real client against a real server on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import hub
from workflow_scripts import artifacts
from workflow_scripts.inputs.downloads import fetch_file
from workflow_scripts.study import weights

ROOT = Path(__file__).parents[2]
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def server() -> Iterator[hub.Hub]:
    with hub.Hub() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def manifest_in(folder: Path, repository: str = hub.REPOSITORY, revision: str = hub.REVISION) -> Path:
    return folder / "hub" / repository / f"{revision}.json"


def download(manifest: Path, endpoint: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "workflow_scripts.steps.download", "--output", str(manifest)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    home = {"HF_HOME": str(manifest.parents[3] / "home"), "HF_ENDPOINT": endpoint}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **home, **environment}, capture_output=True, text=True, check=False
    )


def refusal(manifest: Path, endpoint: str, **environment: str) -> str:
    """The one line that a failed download ends with."""
    done = download(manifest, endpoint, **environment)
    assert done.returncode == 1 and not manifest.exists(), done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    return last


def files_in(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_snapshot_is_fetched_without_pickles_and_listed(server: hub.Hub, tmp_path: Path):
    manifest = manifest_in(tmp_path)
    done = download(manifest, server.url)
    assert done.returncode == 0, done.stderr
    assert files_in(manifest.with_suffix("")) == hub.WANTED  # and nothing of the library's own bookkeeping
    assert sorted(name for name, _ in server.fetched) == hub.WANTED
    listed = json.loads(manifest.read_text())
    assert (listed["repository"], listed["revision"]) == (hub.REPOSITORY, hub.REVISION)
    content = hub.FILES[UNET]
    assert listed["files"][3] == {"file": UNET, "size": 12 * 2**20, "sha256": hashlib.sha256(content).hexdigest()}

    manifest.unlink()
    server.fetched.clear()
    assert download(manifest, server.url).returncode == 0
    assert UNET not in dict(server.fetched)  # it is there already, and proven to be the hub's
    assert json.loads(manifest.read_text()) == listed


def test_a_download_goes_on_where_it_was_cut(server: hub.Hub, tmp_path: Path):
    server.cut = 11 * 2**20
    manifest = manifest_in(tmp_path)
    assert download(manifest, server.url).returncode == 0
    assert [start for name, start in server.fetched if name == UNET] == [0, 10 * 2**20]
    assert (manifest.with_suffix("") / UNET).read_bytes() == hub.FILES[UNET]


def test_a_snapshot_in_the_hubs_cache_is_copied(server: hub.Hub, tmp_path: Path):
    cached = tmp_path / "home/hub/models--someone--model/snapshots" / hub.REVISION / UNET
    cached.parent.mkdir(parents=True)
    cached.write_bytes(hub.FILES[UNET])
    assert download(manifest_in(tmp_path), server.url).returncode == 0
    assert UNET not in dict(server.fetched)


def test_other_bytes_than_the_hub_lists_are_refused(server: hub.Hub, tmp_path: Path):
    server.swapped = UNET
    manifest = manifest_in(tmp_path)
    folder = manifest.with_suffix("")
    last = refusal(manifest, server.url)
    assert last == f"error: {folder / UNET}: differs from the file of {hub.REPOSITORY}, and was deleted; run again"
    server.swapped = None
    assert download(manifest, server.url).returncode == 0


@pytest.mark.parametrize(
    ("repository", "revision", "reason"),
    [
        (hub.REPOSITORY, "f" * 40, "{url} has no such revision; correct it"),
        (
            "someone/else",
            hub.REVISION,
            "{url} has no such repository, or it is private: log in with `hf auth login`",
        ),
        (hub.GATED, hub.REVISION, "is gated: accept its terms on the hub, log in with `hf auth login`, and run again"),
    ],
)
def test_a_hub_that_refuses_is_understood(repository: str, revision: str, reason: str, server: hub.Hub, tmp_path: Path):
    manifest = manifest_in(tmp_path, repository, revision)
    reason = reason.format(url=server.url)
    assert refusal(manifest, server.url) == (
        f"error: {repository} at revision {revision}: {reason}; or copy its files to {manifest.with_suffix('')} "
        f"yourself (*.json, *.txt, *.safetensors; from {server.url}/{repository}/tree/{revision}) "
        "and run again with HF_HUB_OFFLINE=1"
    )


def test_without_network_a_folder_copied_by_hand_is_taken(tmp_path: Path):
    manifest = manifest_in(tmp_path)
    folder = manifest.with_suffix("")
    nowhere = "http://127.0.0.1:1"
    assert f"{nowhere} does not answer as a hub (" in refusal(manifest, nowhere)
    assert refusal(manifest, nowhere, HF_HUB_OFFLINE="1").endswith("there, or unset HF_HUB_OFFLINE")
    (folder / "unet").mkdir(parents=True)
    (folder / UNET).write_bytes(b"weights")
    (folder / "unet/model.bin").write_bytes(b"a pickle")
    (folder / ".cache/huggingface").mkdir(parents=True)  # of `hf download --local-dir`
    (folder / ".cache/huggingface/model.metadata").write_text("1700000000.0")
    assert "unet/model.bin: is a pickle, which may run code" in refusal(manifest, nowhere, HF_HUB_OFFLINE="1")
    (folder / "unet/model.bin").unlink()
    assert "does not answer" in refusal(manifest, nowhere)  # not taken for the hub's without being told so
    assert download(manifest, nowhere, HF_HUB_OFFLINE="1").returncode == 0
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert json.loads(manifest.read_text())["files"] == [{"file": UNET, "size": 7, "sha256": sha256}]


@pytest.mark.parametrize("published", [True, False])
def test_a_file_is_fetched_by_its_url_and_its_hash_kept(published: bool, server: hub.Hub, tmp_path: Path):
    url = f"{server.url}/{hub.REPOSITORY}/resolve/{hub.REVISION}/{UNET}"
    sha256 = hashlib.sha256(hub.FILES[UNET]).hexdigest()
    fetch_file(url, sha256 if published else None, tmp_path / "model.pth")
    assert (tmp_path / "model.pth").read_bytes() == hub.FILES[UNET]
    assert artifacts.recorded_hash(tmp_path / "model.pth") == sha256


def test_a_file_that_is_cut_missing_or_another_is_refused_and_not_kept(server: hub.Hub, tmp_path: Path):
    url = f"{server.url}/{hub.REPOSITORY}/resolve/{hub.REVISION}/{UNET}"
    path = tmp_path / "model.pth"
    with pytest.raises(ValueError, match=rf"its sha256 is \w+, expected {'0' * 64}; run again, or fetch it by hand to"):
        fetch_file(url, "0" * 64, path)
    server.cut = 1000
    with pytest.raises(ValueError, match="the connection ended after 1000 of 12582912 bytes; run again"):
        fetch_file(url, None, path)
    for missing in (f"{server.url}/none", "http://127.0.0.1:1/none"):
        with pytest.raises(ValueError, match=rf"^{missing}: cannot be fetched \(.+\); run again"):
            fetch_file(missing, None, path)
    assert not list(tmp_path.iterdir())


def test_jobs_wait_for_the_manifest_of_a_hubs_folder_and_for_all_other_files(tmp_path: Path):
    revision = "data/hub/a/b/" + "0" * 40
    assert weights.needed(revision) == weights.needed(f"{revision}/unet") == (f"{revision}.json",)
    assert weights.needed("data/weights/x.pth") == ("data/weights/x.pth",)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/b").touch()
    (tmp_path / "a").touch()
    assert weights.needed(str(tmp_path)) == (f"{tmp_path}/a", f"{tmp_path}/unet/b")


def test_the_table_of_downloads_names_the_files_that_encoders_want():
    rows = weights.read_downloads(ROOT / "config/downloads.txt")
    for encoder in ("dino_vitb16", "moco_v3_vitb", "sscd"):
        source = (ROOT / f"workflow_scripts/encoders/{encoder}.py").read_text()
        assert [file for file, row in rows.items() if row.url in source and row.url.endswith(file)], encoder
    assert all(row.sha256 is None or len(row.sha256) == 64 for row in rows.values())


@pytest.mark.parametrize("line", ["x.pth\thttps://a/x.pth", "x.pth\thttps://a/x.pth\tabc", "a/x.pth\thttps://a\t-"])
def test_a_row_of_downloads_that_lacks_something_is_refused(line: str, tmp_path: Path):
    (tmp_path / "downloads.txt").write_text(f"# a comment\n{line}\n")
    with pytest.raises(ValueError, match=r"downloads\.txt: line 2 is .+, expected file<tab>url<tab>sha256"):
        weights.read_downloads(tmp_path / "downloads.txt")

"""Weights from a model hub and by URL, with the real client against a real server on this machine."""

import hashlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

import pytest

from tests.unit import hub
from workflow_scripts import artifacts
from workflow_scripts.inputs import downloads
from workflow_scripts.inputs.downloads import fetch_file
from workflow_scripts.study import weights

ROOT = Path(__file__).parents[2]
LARGEST = 10**8  # bytes of a file
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def server() -> Iterator[hub.Hub]:
    with hub.Hub() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def manifest_in(folder: Path, repository: str = hub.REPOSITORY, revision: str = hub.REVISION) -> Path:
    return folder / "hub" / repository / f"{revision}.json"


def download(manifest: Path, endpoint: str, minutes: str = "1", **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "workflow_scripts.steps.download", "--output", str(manifest)]
    command += ["--minutes", minutes]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    home = {"HF_HOME": str(manifest.parents[3] / "home"), "HF_ENDPOINT": endpoint}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **home, **environment}, capture_output=True, text=True, check=False
    )


def refusal(manifest: Path, endpoint: str, minutes: str = "1", **environment: str) -> str:
    """The one line that a failed download ends with."""
    done = download(manifest, endpoint, minutes, **environment)
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
    fetch_file(url, sha256 if published else None, LARGEST, tmp_path / "model.pth")
    assert (tmp_path / "model.pth").read_bytes() == hub.FILES[UNET]
    assert artifacts.recorded_hash(tmp_path / "model.pth") == sha256


def test_a_file_that_is_cut_missing_or_another_is_refused_and_not_kept(server: hub.Hub, tmp_path: Path):
    url = f"{server.url}/{hub.REPOSITORY}/resolve/{hub.REVISION}/{UNET}"
    path = tmp_path / "model.pth"
    with pytest.raises(ValueError, match=rf"its sha256 is \w+, expected {'0' * 64}; run again, or fetch it by hand to"):
        fetch_file(url, "0" * 64, LARGEST, path)
    for missing in (f"{server.url}/none", "http://127.0.0.1:1/none"):
        with pytest.raises(ValueError, match=rf"^{missing}: cannot be fetched \(.+\); run again"):
            fetch_file(missing, None, LARGEST, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("published", [True, False])
def test_a_transfer_that_was_cut_goes_on_where_it_ended(published: bool, server: hub.Hub, tmp_path: Path):
    url = f"{server.url}/{hub.REPOSITORY}/resolve/{hub.REVISION}/{UNET}"
    sha256 = hashlib.sha256(hub.FILES[UNET]).hexdigest() if published else None
    server.cut = 5 * 2**20
    with pytest.raises(ValueError, match=rf"^{url}: cannot be fetched \(.+\); run again, .+; what came is kept$"):
        fetch_file(url, sha256, LARGEST, tmp_path / "model.pth")
    fetch_file(url, sha256, LARGEST, tmp_path / "model.pth")
    assert (tmp_path / "model.pth").read_bytes() == hub.FILES[UNET]
    assert [start for _, start in server.fetched] == [0, 0, 5 * 2**20]  # the second one asks which version it is
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.pth", "model.pth.sha256"]


BODY = bytes(range(256)) * 40
OK, LENGTH = b"HTTP/1.1 200 OK\r\n", b"Content-Length: 10240\r\n"


def chunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def slowly(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        time.sleep(0.02)
        yield piece


RUDE = {  # what a server sends, and what is said of it; each answer comes whatever was asked
    "nothing": (lambda: [], "cannot be fetched ("),
    "no HTTP": (lambda: [b"SSH-2.0-OpenSSH_9.2\r\n"], "cannot be fetched ("),
    "a bad status line": (lambda: [b"HTTP/1.1 two hundred\r\n\r\n"], "cannot be fetched ("),
    "a status that is none": (lambda: [b"HTTP/1.1 2000 OK\r\n\r\n"], "cannot be fetched ("),
    "an error": (lambda: [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"], "cannot be fetched (Server error '503 "),
    "itself": (lambda: [b"HTTP/1.1 302 Found\r\nLocation: /x.pth\r\nContent-Length: 0\r\n\r\n"], "cannot be fetched ("),
    "to nowhere": (lambda: [b"HTTP/1.1 302 Found\r\nLocation: ftp://x/y\r\nContent-Length: 0\r\n\r\n"], "cannot be "),
    "a length that is none": (lambda: [OK + b"Content-Length: many\r\n\r\n", BODY], "cannot be fetched ("),
    "endless headers": (lambda: chain([OK], repeat(b"X-Header: of many\r\n")), "cannot be fetched ("),
    "less than it says": (lambda: [OK + LENGTH + b"\r\n", BODY[:100]], "cannot be fetched ("),
    "chunks that end": (lambda: chunked([BODY[:100]]), "cannot be fetched ("),
    "no length": (lambda: [OK + b"\r\n", BODY], "neither its length nor its hash is known, so a part of it would "),
    "a page": (lambda: [OK + b"\r\n<!doctype html>Quota exceeded"], "it is a web page; run again, or fetch it by "),
    "another file": (lambda: [OK + LENGTH + b"\r\n", BODY[::-1]], "its sha256 is "),
    "too much": (lambda: [OK + b"Content-Length: 99999999999\r\n\r\n", BODY], "has more than the 1 MB that it may"),
    "chunks without end": (lambda: chunked(repeat(BODY)), "has more than the 1 MB that it may have, and was not kept"),
    "bytes without end": (lambda: chain([OK + b"\r\n"], repeat(BODY)), "has more than the 1 MB that it may have, and "),
}


class Rude(socketserver.ThreadingTCPServer):
    """A server that reads a request and sends what it was told to, whatever that is."""

    daemon_threads = True
    reply: Callable[[], Iterable[bytes]]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), None)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/x.pth"

    def finish_request(self, request: socket.socket, _: object) -> None:
        request.recv(65536)
        with suppress(OSError):  # the client may have left
            for piece in self.reply():
                request.sendall(piece)


@pytest.fixture
def rude(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rude]:
    monkeypatch.setattr(downloads, "CHUNK", 1000)  # what came is kept in whole chunks
    with Rude() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize("what", RUDE)
def test_a_server_that_misbehaves_is_named_in_one_line(what: str, rude: Rude, tmp_path: Path):
    rude.reply, says = RUDE[what]
    sha256 = None if what in ("no length", "chunks that end") else hashlib.sha256(BODY).hexdigest()
    with pytest.raises(ValueError) as caught:
        fetch_file(rude.url, sha256, 10**6, tmp_path / "x.pth")
    assert str(caught.value).startswith(f"{rude.url}: {says}"), caught.value
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x.pth").exists()
    rude.reply = lambda: [OK + LENGTH + b"\r\n", BODY]
    fetch_file(rude.url, sha256, 10**6, tmp_path / "x.pth")
    assert (tmp_path / "x.pth").read_bytes() == BODY


@pytest.mark.parametrize("answer", [b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10240\r\n", OK])
def test_a_server_that_sends_another_part_than_asked_spoils_nothing(answer: bytes, rude: Rude, tmp_path: Path):
    tagged = LENGTH + b'ETag: "a"\r\n\r\n'
    rude.reply = lambda: [OK + tagged, BODY[:5000]]
    with pytest.raises(ValueError, match="what came is kept"):
        fetch_file(rude.url, None, 10**6, tmp_path / "x.pth")
    replies = iter([[OK + tagged, BODY], [answer + tagged, BODY]])
    rude.reply = lambda: next(replies)
    fetch_file(rude.url, None, 10**6, tmp_path / "x.pth")
    assert (tmp_path / "x.pth").read_bytes() == BODY


def test_a_server_that_is_busy_costs_nothing_of_what_came(rude: Rude, tmp_path: Path):
    tagged = OK + LENGTH + b'ETag: "a"\r\n\r\n'
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    replies = iter([[tagged, BODY[:5000]], [tagged, BODY], [busy]])
    rude.reply = lambda: next(replies)
    for _ in range(2):
        with pytest.raises(ValueError, match="what came is kept"):
            fetch_file(rude.url, None, 10**6, tmp_path / "x.pth")
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == BODY[:5000]


@pytest.mark.parametrize(
    "trickle", [lambda: chunked(slowly(repeat(b"x"))), lambda: chain([OK], slowly(repeat(b"X: y\r\n")))]
)
def test_a_transfer_without_end_ends_in_time(trickle: Callable[[], Iterable[bytes]], rude: Rude, tmp_path: Path):
    rude.reply = trickle
    command = [sys.executable, "-m", "workflow_scripts.steps.download_weights", "--url", rude.url, "--sha256", "-"]
    command += ["--largest-mb", "1", "--minutes", "0.02", "--output", str(tmp_path / "x.pth")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    line = f"error: {rude.url}: not fetched within 0.02 minutes; what came is kept: run again to go on"
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (1, line)
    manifest = manifest_in(tmp_path)
    last = refusal(manifest, rude.url, "0.1")
    assert last.startswith(f"error: {manifest}: not fetched within 0.1 minutes; ")


@pytest.mark.parametrize("what", ["no HTTP", "less than it says", "a page", b"[]", b'{"id": 3, "siblings": [7]}'])
def test_a_hub_that_misbehaves_is_named_in_one_line(what: str | bytes, rude: Rude, tmp_path: Path):
    rude.reply = RUDE[what][0] if isinstance(what, str) else lambda: [OK + b"\r\n", what]
    last = refusal(manifest_in(tmp_path), rude.url)
    assert last.startswith(f"error: {hub.REPOSITORY} at revision {hub.REVISION}: {rude.url}"), last


def test_a_hub_that_sends_more_than_it_lists_fills_no_disk(server: hub.Hub, tmp_path: Path):
    server.endless = UNET
    last = refusal(manifest_in(tmp_path), server.url)
    assert "sends more than the size that it lists" in last
    assert max(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= len(hub.FILES[UNET])


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


@pytest.mark.parametrize(
    "line",
    [
        "x.pth\thttps://a/x.pth\t-",
        "x.pth\thttps://a/x.pth\tabc\t9",
        "a/x.pth\thttps://a\t-\t9",
        "x.pth\thttps://a\t-\tmany",
    ],
)
def test_a_row_of_downloads_that_lacks_something_is_refused(line: str, tmp_path: Path):
    (tmp_path / "downloads.txt").write_text(f"# a comment\n{line}\n")
    with pytest.raises(
        ValueError, match=r"downloads\.txt: line 2 is .+, expected file<tab>url<tab>sha256 \(or -\)<tab>MB"
    ):
        weights.read_downloads(tmp_path / "downloads.txt")

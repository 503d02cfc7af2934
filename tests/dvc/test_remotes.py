"""The same bytes through a plain folder and through ssh, and what a remote lacks or holds damaged."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dvc.repositories import KEPT, Repository, clone

SSHD = Path("/usr/sbin/sshd")
CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server of ours on the loopback, for one key: the URL of a folder there, and the key's file."""
    if not SSHD.is_file():
        pytest.skip(f"{SSHD} is not there; install openssh-server")
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's separates its privileges
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration, log = tmp_path / "sshd_config", tmp_path / "sshd.log"
    configuration.write_text(CONFIGURATION.format(port=port, folder=tmp_path))
    with subprocess.Popen([SSHD, "-D", "-f", configuration, "-E", log]) as server:
        try:
            wait_for(port, server, log)
            yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/store", tmp_path / "key"
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(100):
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"no ssh server on port {port}: {log.read_text()}")


def test_a_folder_brings_the_same_bytes(published: Repository, pulled: Repository):
    assert pulled.contents(*KEPT) == published.contents(*KEPT)


def test_ssh_brings_the_same_bytes(published: Repository, ssh: tuple[str, Path], tmp_path: Path):
    url, key = ssh
    origin = Repository(shutil.copytree(published.folder, tmp_path / "origin", symlinks=True), tmp_path / "store")
    origin.switch(url)
    origin.must("dvc", "remote", "modify", "--local", "store", "keyfile", str(key))
    origin.commit()
    assert list(origin.remote.rglob("*.dir"))
    second = clone(origin, tmp_path / "second")
    second.must("dvc", "remote", "modify", "--local", "store", "keyfile", str(key))
    done = second.make("pull")
    assert done.returncode == 0, done.stderr
    assert second.contents(*KEPT) == published.contents(*KEPT)


DRAWINGS, REPORT = "data/corpus/drawings.parquet", "results/smoke/report"


@pytest.fixture
def broken(published: Repository, tmp_path: Path) -> Repository:
    """A clone without data whose remote, a copy, one may break."""
    repository = Repository(clone(published, tmp_path / "clone").folder, tmp_path / "store")
    shutil.copytree(published.remote, repository.remote, copy_function=os.link)
    repository.must("dvc", "remote", "modify", "--local", "store", "url", str(repository.remote))
    return repository


def object_of(repository: Repository, name: str) -> Path:
    """The object of a file of the corpus, or of an output's list of files, in the remote."""
    code = f"import dvc.api; print(dvc.api.get_url({name!r}))"
    return Path(repository.must("python", "-c", code).strip())


def replace(file: Path, content: bytes) -> None:
    """Other content in place of a file that may have other names."""
    file.unlink()
    file.write_bytes(content)


def damage(file: Path) -> None:
    """Another byte in the middle, or another name in a list of files."""
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    replace(file, content.replace(b"index.html", b"indey.html") if file.suffix == ".dir" else flipped)


@pytest.mark.parametrize("name", [DRAWINGS, REPORT])
@pytest.mark.parametrize("harm", [damage, Path.unlink])
def test_a_bad_object_is_named_and_nothing_is_put_in_place(harm: Callable[[Path], None], name: str, broken: Repository):
    bad = object_of(broken, name)
    harm(bad)
    done = broken.make("pull")
    assert done.returncode != 0
    assert name in done.stderr or str(bad) in done.stderr
    assert "Traceback" not in done.stderr
    assert broken.contents(*KEPT) == {}


@pytest.mark.parametrize("harm", [damage, Path.unlink])
def test_dvc_pull_alone_leaves_no_wrong_file(harm: Callable[[Path], None], broken: Repository, published: Repository):
    """Of a damaged list of files it would, see docs/data.md."""
    harm(object_of(broken, DRAWINGS))
    assert broken.run("dvc", "pull").returncode != 0
    assert broken.contents(*KEPT).items() <= published.contents(*KEPT).items()


def test_a_mended_remote_is_pulled_whole(broken: Repository, published: Repository):
    bad = object_of(broken, DRAWINGS)
    good = bad.read_bytes()
    damage(bad)
    assert broken.make("pull").returncode != 0
    replace(bad, good)
    done = broken.make("pull")
    assert done.returncode == 0, done.stderr
    assert broken.contents(*KEPT) == published.contents(*KEPT)

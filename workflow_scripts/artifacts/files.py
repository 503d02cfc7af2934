"""Files that are written whole or not at all, and the hashes that prove them."""

import hashlib
import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

SIDECAR = ".sha256"
WEB_PAGE = "it is a web page, such as a server sends instead of a file when a quota of downloads is used up"
HASHED = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")  # a line of sha256sum
LONGEST_NAME, LONGEST_PATH = 255, 4000  # bytes that a file system takes


def regular(path: str | os.PathLike) -> Path:
    """The path of a file that is about to be read.

    Raises:
        ValueError: it is a folder, a device, or a pipe, for whose writer we would wait for ever.
        OSError: it does not exist.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (of a text, too)
        raise ValueError(f"{path}: is no file that can be read, but a folder, a pipe or a device")
    return Path(path)


def inside(folder: str | os.PathLike, name: str) -> Path:
    """The path of a file in a folder by a name that other people may have written, such as that in a manifest.

    Raises:
        ValueError: the name leads out of the folder, or no file can have it.
    """
    path, bad = PurePosixPath(name), "\0" in name or "\\" in name
    try:
        lengths = [len(os.fsencode(part)) for part in path.parts]
    except UnicodeEncodeError:
        bad, lengths = True, []
    if bad or path.is_absolute() or ".." in path.parts or not lengths:
        raise ValueError(f"{name!r} is no path within {folder}")
    if max(lengths) > LONGEST_NAME or len(name.encode()) > LONGEST_PATH:
        raise ValueError(f"{name[:LONGEST_NAME]!r}... is too long for a path within {folder}")
    return Path(folder, path)


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, as hex; raises as `regular`."""
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of a folder's files, as hex."""
    path = Path(path)
    if not path.is_dir():
        return file_hash(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(path)} {file_hash(file)}\n".encode())
    return digest.hexdigest()


@contextmanager
def atomic(path: str | os.PathLike, sidecar: bool | Path = True) -> Iterator[Path]:
    """Yields a `.part` path beside `path`; renames it into place when the block ends well, removes it otherwise.

    The bytes, and the hash that proves them, are on the disk before the renaming: after a power cut, too, a file is
    whole, and its hash was taken from what was written, not from what was found later.

    Args:
        sidecar: whether the file has a sidecar; or the checklist that gets a line for it, which many files share.

    Raises:
        OSError: the disk is full or read-only. A file that was at `path` before stays as it is.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if isinstance(sidecar, Path):
            _append(sidecar, _line(file_hash(part), path.name))
        elif sidecar:
            write_hashes(sidecar_of(path), {path.name: file_hash(part)})
        os.replace(part, path)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(f"{path}: cannot be written ({error.filename} is no folder)") from error
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # a read-only disk refuses to remove even what does not exist
            part.unlink(missing_ok=True)


def _append(checklist: Path, line: bytes) -> None:
    with checklist.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def sidecar_of(path: str | os.PathLike) -> Path:
    return Path(f"{path}{SIDECAR}")


def unreadable(path: str | os.PathLike, problem: str, error: Exception) -> ValueError:
    """The error about a file that cannot be read: what is wrong with it, and what to do.

    Rules make what lies in `results/` or has a sidecar. Everything else came from elsewhere, and no run brings it back.
    """
    path = Path(path)
    made = "results" in path.parts or sidecar_of(path).exists()
    remedy = "delete it and run again" if made else "no run makes it: get it again from where you have it"
    reason = WEB_PAGE if is_web_page(path) else " ".join(str(error).split())
    return ValueError(f"{path}: {problem} ({reason}); {remedy}")


def is_web_page(path: Path) -> bool:
    """Whether a file holds HTML."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(64).lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return False


def recorded_hash(path: str | os.PathLike) -> str | None:
    """The SHA-256 in a file's sidecar; None if it has no sidecar. Raises `ValueError` if the sidecar is corrupt."""
    sidecar = sidecar_of(path)
    if not sidecar.exists():
        return None
    with regular(sidecar).open("rb") as file:
        line = HASHED.fullmatch(file.read(LONGEST_PATH))
    if not line or line[2] != os.fsencode(Path(path).name):
        raise ValueError(f"{sidecar}: not a line of sha256sum")
    return line[1].decode()


def hash_lines(hashes: Mapping[str, str]) -> bytes:
    """A checklist, in the format of `sha256sum --check`: the hash of each file, by its name."""
    return b"".join(_line(digest, name) for name, digest in hashes.items())


def write_hashes(checklist: Path, hashes: Mapping[str, str]) -> None:
    """Writes a checklist."""
    with atomic(checklist, sidecar=False) as part:
        part.write_bytes(hash_lines(hashes))


def read_hashes(checklist: Path) -> dict[str, str]:
    """The hashes in a checklist, by the names of their files; a name's last line counts, and a damaged line does not.

    Raises:
        ValueError: as `regular`. There may be no checklist; then there are no hashes.
    """
    if not checklist.exists():
        return {}
    lines = map(HASHED.fullmatch, regular(checklist).read_bytes().splitlines(keepends=True))
    return {line[2].decode(errors="replace"): line[1].decode() for line in lines if line}

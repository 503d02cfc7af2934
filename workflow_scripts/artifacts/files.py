"""Files that are written whole or not at all, and the hashes that prove them."""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIDECAR = ".sha256"
WEB_PAGE = "it is a web page, such as a server sends instead of a file when a quota of downloads is used up"


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with open(path, "rb") as file:
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
def atomic(path: str | os.PathLike, sidecar: bool = True) -> Iterator[Path]:
    """Yields a `.part` path beside `path`; renames it into place when the block ends well, removes it otherwise.

    Args:
        sidecar: whether to write the sidecar; it comes before the renaming, so that a file never has a wrong one.

    Raises:
        OSError: the disk is full or read-only. A file that was at `path` before stays as it is.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if sidecar:
            with atomic(sidecar_of(path), sidecar=False) as line:
                line.write_text(f"{file_hash(part)}  {path.name}\n", encoding="utf-8")
        os.replace(part, path)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(f"{path}: cannot be written ({error.filename} is no folder)") from error
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # a read-only disk refuses to remove even what does not exist
            part.unlink(missing_ok=True)


def sidecar_of(path: str | os.PathLike) -> Path:
    return Path(f"{path}{SIDECAR}")


def unreadable(path: str | os.PathLike, problem: str, error: Exception) -> ValueError:
    """The error about a file that cannot be read: what is wrong with it, and what to do.

    Rules make what lies in `results/` or has a sidecar. Everything else came from elsewhere, and no run brings it back.
    """
    path = Path(path)
    made = "results" in path.parts or sidecar_of(path).exists()
    remedy = "delete it and run again" if made else "no run makes it: get it again from where you have it"
    reason = WEB_PAGE if _is_web_page(path) else " ".join(str(error).split())
    return ValueError(f"{path}: {problem} ({reason}); {remedy}")


def _is_web_page(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(64).lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return False


def recorded_hash(path: str | os.PathLike) -> str | None:
    """The SHA-256 in a file's sidecar; None if it has no sidecar. Raises `ValueError` if the sidecar is corrupt."""
    sidecar = sidecar_of(path)
    if not sidecar.exists():
        return None
    line = re.fullmatch(rf"([0-9a-f]{{64}})  {re.escape(Path(path).name)}\n".encode(), sidecar.read_bytes())
    if not line:
        raise ValueError(f"{sidecar}: not a line of sha256sum")
    return line[1].decode()

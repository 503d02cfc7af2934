"""Published weights: snapshots of a model hub's repositories, and single files by URL.

A snapshot lies in `{owner}/{name}/{revision}/`. Its manifest `{revision}.json`, beside the folder, is written last, and
is what a job depends on. Files of an interrupted download, or copied by hand, are not fetched again.
"""

import errno
import hashlib
import logging
import os
import resource
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts import artifacts

if TYPE_CHECKING:
    from httpx2 import Response

log = logging.getLogger(__name__)
WANTED = ("*.json", "*.txt", "*.safetensors")  # never a pickle: opening one may run code
UNWANTED = ("safety_checker/*", "*fp16*", "*non_ema*")  # not read here
BOOKKEEPING = ".cache"  # of huggingface_hub, in the folder that it fills
TIMEOUT = 60  # seconds without data
NO_REST = 416  # the answer of HTTP where a file is shorter than what came of it
CHUNK = 1 << 20  # bytes
PARTIAL = ".partial"  # ending of a file of which some came
NO_HUB = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)  # what the client raises on answers of another kind


def fetch_snapshot(manifest: Path) -> None:
    """Fills the folder of a snapshot and writes its manifest: size and SHA-256 of each file.

    `HF_ENDPOINT` names the hub. The cache and the login in `HF_HOME` are used. With `HF_HUB_OFFLINE=1` the manifest is
    written of what the folder holds.

    Args:
        manifest: `.../{owner}/{name}/{revision}.json`, the revision a full commit hash.

    Raises:
        ValueError: it cannot be fetched, or differs from the hub; the message says how to copy it by hand.
    """
    from huggingface_hub.constants import is_offline_mode

    folder, repository = manifest.with_suffix(""), "/".join(manifest.parts[-3:-1])
    if is_offline_mode():
        log.info("HF_HUB_OFFLINE is set: nothing is fetched, %s stays as it is", folder)
    else:
        _fetch(repository, manifest.stem, folder)
    shutil.rmtree(folder / BOOKKEEPING, ignore_errors=True)  # it holds times, which would change the folder's hash
    artifacts.write_json(manifest, {"repository": repository, "revision": manifest.stem, "files": _list(folder)}, False)


def _fetch(repository: str, revision: str, folder: Path) -> None:
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, constants, snapshot_download

    hub = HfApi()
    try:
        listed = hub.model_info(repository, revision=revision, files_metadata=True)
        _limit_files([file.size for file in listed.siblings or []])
        where = {"revision": revision, "local_dir": folder}
        snapshot_download(repository, **where, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED))
        mismatches = hub.verify_repo_checksums(repository, **where).mismatches  # the download compares sizes only
    except (HTTPError, *NO_HUB) as error:
        raise ValueError(
            f"{repository} at revision {revision}: {_reason(error)}; or copy its files to {folder} yourself "
            f"({', '.join(WANTED)}; from {constants.ENDPOINT}/{repository}/tree/{revision}) "
            "and run again with HF_HUB_OFFLINE=1"
        ) from error
    if mismatches:
        wrong = folder / mismatches[0]["path"]
        wrong.unlink()
        raise ValueError(f"{wrong}: differs from the file of {repository}, and was deleted; run again")


def _limit_files(sizes: Sequence[int | None]) -> None:
    """Lets this process write no file that is larger than all of these, however long a body is."""
    if sizes and None not in sizes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(*sizes, CHUNK), resource.RLIM_INFINITY))


def _reason(error: Exception) -> str:
    """Why the download failed, and what to do about it."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return "is gated: accept its terms on the hub, log in with `hf auth login`, and run again"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{constants.ENDPOINT} has no such revision; correct it"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no such repository, or it is private: log in with `hf auth login`"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: free some space and run again; finished files are kept"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"{constants.ENDPOINT} sends more than the size that it lists; run again"
    cause = artifacts.first_sentence(error.__cause__ or error)
    return f"{constants.ENDPOINT} does not answer as a hub ({cause}): run again; finished files are kept"


def _list(folder: Path) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of the files of a snapshot; raises `ValueError` if there are none, or one is a pickle."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise ValueError(f"{folder}: holds no files; copy {', '.join(WANTED)} there, or unset HF_HUB_OFFLINE")
    for file in files:
        if file.suffix in artifacts.PICKLES:
            raise ValueError(f"{file}: is a pickle, which may run code; keep {', '.join(WANTED)} only")
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return [
        {"file": name, "size": file.stat().st_size, "sha256": artifacts.file_hash(file)} for name, file in names.items()
    ]


def fetch_file(url: str, sha256: str | None, largest: int, path: Path) -> None:
    """Fetches a file, and writes its SHA-256 into the sidecar. What came before a break is kept, and the rest fetched.

    Args:
        sha256: the expected hash; None if nobody published it.
        largest: the most bytes that the file may have.

    Raises:
        ValueError: the file cannot be fetched, is too large, cannot be known to be whole, or has another hash.
    """
    from httpx2 import HTTPError, InvalidURL

    remedy = f"run again, or fetch it by hand to {path}"
    try:
        part = _fetch_part(url, sha256 is not None, largest, path)
    except (OSError, HTTPError, InvalidURL) as error:
        reason = artifacts.first_sentence(error).rstrip(".")
        raise ValueError(f"{url}: cannot be fetched ({reason}); {remedy}; what came is kept") from error
    actual = artifacts.file_hash(part)
    if sha256 not in (None, actual):
        what = "it is a web page" if artifacts.is_web_page(part) else f"its sha256 is {actual}, expected {sha256}"
        part.unlink()
        raise ValueError(f"{url}: {what}; {remedy}")
    log.info(
        "%s: %d bytes, sha256 %s%s", path, part.stat().st_size, actual, "" if sha256 else ", which nobody published"
    )
    with artifacts.atomic(path) as whole:
        part.rename(whole)


def _fetch_part(url: str, known: bool, largest: int, path: Path) -> Path:
    """Fetches a file to a name of its own, which says which version of it that is; goes on with one that is there.

    Args:
        known: whether the hash of the file is known, so that a body without a length can be told from a part of it.
    """
    import httpx2

    path.parent.mkdir(parents=True, exist_ok=True)
    as_it_is = {"Accept-Encoding": "identity"}
    with httpx2.Client(follow_redirects=True, timeout=TIMEOUT, headers=as_it_is) as client:
        with client.stream("GET", url) as answer:
            answer.raise_for_status()
            length, version = int(answer.headers.get("Content-Length", -1)), _version(answer.headers)
            if length < 0 and answer.headers.get("Transfer-Encoding") != "chunked" and not known:
                raise ValueError(
                    f"{url}: neither its length nor its hash is known, so a part of it would pass for whole"
                )
            digest = hashlib.sha256(version.encode()).hexdigest()[:8]
            part = path.with_name(f"{path.name}.{digest}{PARTIAL}")
            there = part.stat().st_size if version and part.exists() else 0
            if not there:
                _receive(answer, part, 0, largest)
        if there and there != length:
            with client.stream("GET", url, headers={"Range": f"bytes={there}-", "If-Range": version}) as answer:
                goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
                if answer.status_code == NO_REST or (answer.is_success and not goes_on):
                    part.unlink()  # or the server sends the whole anew
                answer.raise_for_status()
                _receive(answer, part, there if goes_on else 0, largest)
    return part


def _version(headers: Mapping[str, str]) -> str:
    """What tells a file at a URL from another one that takes its place; empty if the server does not say."""
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


def _receive(answer: "Response", part: Path, there: int, largest: int) -> None:
    """Appends a body to the `there` bytes of a file; raises `ValueError` and keeps nothing if it becomes too large."""
    total = there + int(answer.headers.get("Content-Length", 0))
    with part.open("ab" if there else "wb") as file:
        chunks = answer.iter_raw(CHUNK)
        while total <= largest and (chunk := next(chunks, None)) is not None:
            file.write(chunk)
            total = max(total, file.tell())
    if total > largest:
        part.unlink()
        raise ValueError(f"{answer.url}: has more than the {largest / 1e6:,.0f} MB that it may have, and was not kept")


@contextmanager
def within(minutes: float, what: str) -> Iterator[None]:
    """Ends the process with one line if the block takes longer; libraries limit each wait, but no whole transfer."""

    def give_up() -> None:
        text = f"error: {what}: not fetched within {minutes:g} minutes; what came is kept: run again to go on"
        print(text, file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(60 * minutes, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

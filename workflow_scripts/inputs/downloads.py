"""Weights that others published: snapshots of a model hub's repositories, and single files by URL.

A snapshot lies in `{owner}/{name}/{revision}/`; beside it `{revision}.json`, its manifest, written last: what a job
waits for. Files that are there already, of an interrupted download or copied by hand, are not fetched again.
"""

import errno
import logging
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from workflow_scripts import artifacts

log = logging.getLogger(__name__)
WANTED = ("*.json", "*.txt", "*.safetensors")  # never a pickle: opening one may run code
UNWANTED = ("safety_checker/*", "*fp16*", "*non_ema*")  # not used here
BOOKKEEPING = ".cache"  # of huggingface_hub, in the folder that it fills
TIMEOUT = 60  # seconds without a byte


def fetch_snapshot(manifest: Path) -> None:
    """Fills the folder of a snapshot and writes its manifest: size and SHA-256 of each file.

    The hub is that of `HF_ENDPOINT`; what its cache in `HF_HOME` has is copied, and the login there is used; with
    `HF_HUB_OFFLINE=1` the folder is taken as it is.

    Args:
        manifest: `.../{owner}/{name}/{revision}.json`, the revision a full commit hash.

    Raises:
        ValueError: it cannot be fetched, or is not what the hub has; the message says how to proceed by hand.
    """
    from huggingface_hub.constants import is_offline_mode

    folder, repository = manifest.with_suffix(""), "/".join(manifest.parts[-3:-1])
    if is_offline_mode():
        log.info("HF_HUB_OFFLINE is set: %s is taken as it is", folder)
    else:
        _fetch(repository, manifest.stem, folder)
    shutil.rmtree(folder / BOOKKEEPING, ignore_errors=True)  # holds times of day, and folders are hashed
    artifacts.write_json(manifest, {"repository": repository, "revision": manifest.stem, "files": _list(folder)}, False)


def _fetch(repository: str, revision: str, folder: Path) -> None:
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, constants, snapshot_download

    hub = HfApi()
    try:
        hub.model_info(repository, revision=revision)  # fails at once where the others try for half a minute
        snapshot_download(
            repository,
            revision=revision,
            local_dir=folder,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
        )
        # The download itself compares sizes only.
        mismatches = hub.verify_repo_checksums(repository, revision=revision, local_dir=folder).mismatches
    except (OSError, HTTPError) as error:
        raise ValueError(
            f"{repository} at revision {revision}: {_reason(error)}; or copy its files to {folder} yourself "
            f"({', '.join(WANTED)}; from {constants.ENDPOINT}/{repository}/tree/{revision}) "
            "and run again with HF_HUB_OFFLINE=1"
        ) from error
    if mismatches:
        wrong = folder / mismatches[0]["path"]
        wrong.unlink()
        raise ValueError(f"{wrong}: is not the file of {repository}, and was deleted; run again")


def _reason(error: Exception) -> str:
    """Why the hub did not give a snapshot, and what to do about it."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return "is gated: accept its terms on the hub, log in with `hf auth login`, and run again"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{constants.ENDPOINT} has no such revision; correct it"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no such repository, or only for those who log in with `hf auth login`"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: make room and run again, what is there is kept"
    cause = error.__cause__ or error
    return f"{constants.ENDPOINT} does not answer as a hub ({_one_line(cause)}): run again, what is there is kept"


def _one_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _list(folder: Path) -> list[dict[str, Any]]:
    """The files of a snapshot by name, with size and SHA-256.

    Raises:
        ValueError: there are none, or one is a pickle.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise ValueError(f"{folder}: holds no files; copy {', '.join(WANTED)} there, or unset HF_HUB_OFFLINE")
    for file in files:
        if file.suffix in artifacts.PICKLES:
            raise ValueError(f"{file}: is a pickle, which may run code; keep {', '.join(WANTED)} only")
    return [
        {
            "file": file.relative_to(folder).as_posix(),
            "size": file.stat().st_size,
            "sha256": artifacts.file_hash(file),
        }
        for file in files
    ]


def fetch_file(url: str, sha256: str | None, path: Path) -> None:
    """Fetches a file whole or not at all; its sidecar keeps the SHA-256 that it had.

    Args:
        sha256: what it must be; None if nobody published it.

    Raises:
        ValueError: it cannot be fetched, or is another file; the message says how to proceed by hand.
    """
    remedy = f"run again, or fetch it by hand to {path}"
    with artifacts.atomic(path) as part:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, part.open("wb") as file:
                shutil.copyfileobj(answer, file, 2**20)
                expected = int(answer.headers.get("Content-Length", file.tell()))
                received = file.tell()
        except OSError as error:
            raise ValueError(f"{url}: cannot be fetched ({_one_line(error)}); {remedy}") from error
        if received != expected:
            raise ValueError(f"{url}: the connection ended after {received} of {expected} bytes; {remedy}")
        actual = artifacts.file_hash(part)
        if sha256 not in (None, actual):
            raise ValueError(f"{url}: its sha256 is {actual}, expected {sha256}; {remedy}")
    log.info("%s: %d bytes, sha256 %s%s", path, received, actual, "" if sha256 else ", which nobody published")

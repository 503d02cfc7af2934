"""Published weights: snapshots of a model hub's repositories, and single files by URL.

A snapshot lies in `{owner}/{name}/{revision}/`. Its manifest `{revision}.json`, beside the folder, is written last, and
is what a job depends on. Files of an interrupted download, or copied by hand, are not fetched again.
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
UNWANTED = ("safety_checker/*", "*fp16*", "*non_ema*")  # not read here
BOOKKEEPING = ".cache"  # of huggingface_hub, in the folder that it fills
TIMEOUT = 60  # seconds without data


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
        hub.model_info(repository, revision=revision)  # fails at once; a download tries for half a minute
        where = {"revision": revision, "local_dir": folder}
        snapshot_download(repository, **where, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED))
        mismatches = hub.verify_repo_checksums(repository, **where).mismatches  # the download compares sizes only
    except (OSError, HTTPError) as error:
        raise ValueError(
            f"{repository} at revision {revision}: {_reason(error)}; or copy its files to {folder} yourself "
            f"({', '.join(WANTED)}; from {constants.ENDPOINT}/{repository}/tree/{revision}) "
            "and run again with HF_HUB_OFFLINE=1"
        ) from error
    if mismatches:
        wrong = folder / mismatches[0]["path"]
        wrong.unlink()
        raise ValueError(f"{wrong}: differs from the file of {repository}, and was deleted; run again")


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


def fetch_file(url: str, sha256: str | None, path: Path) -> None:
    """Fetches a file, and writes its SHA-256 into the sidecar. A partial or wrong file is not kept.

    Args:
        sha256: the expected hash; None if nobody published it.

    Raises:
        ValueError: the file cannot be fetched, or has another hash.
    """
    remedy = f"run again, or fetch it by hand to {path}"
    with artifacts.atomic(path) as part:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, part.open("wb") as file:
                shutil.copyfileobj(answer, file, 2**20)
                expected = int(answer.headers.get("Content-Length", file.tell()))
                received = file.tell()
        except OSError as error:
            raise ValueError(f"{url}: cannot be fetched ({artifacts.first_sentence(error)}); {remedy}") from error
        if received != expected:
            raise ValueError(f"{url}: the connection ended after {received} of {expected} bytes; {remedy}")
        actual = artifacts.file_hash(part)
        if sha256 not in (None, actual):
            raise ValueError(f"{url}: its sha256 is {actual}, expected {sha256}; {remedy}")
    log.info("%s: %d bytes, sha256 %s%s", path, received, actual, "" if sha256 else ", which nobody published")

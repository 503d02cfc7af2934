"""Checks out what `dvc fetch` has brought, and proves that data, results, code and settings are those of dvc.lock.

Nothing is checked out unless everything arrived undamaged. Results that the remote does not keep (`cache: false` in
dvc.yaml) may be absent. Every other difference is an error, one line each. `make pull` needs this proof before it tells
Snakemake that the files are up to date.

Example:
    dvc fetch && python -m workflow_scripts prove
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts import artifacts, cli
from workflow_scripts.inputs import intact

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.repo import Repo

WITHOUT_SIDECAR = "report/summary/*.json"  # `dvc metrics` would take sidecars for metrics


def lost(out: "Output") -> Iterator[str]:
    """The files of an output that are not in DVC's cache, each with the name of its object in the remote."""
    tree = out.get_obj()
    if tree is None:  # not even the list of a folder's files
        yield f"{out}: {out.hash_info.value}"
    elif not out.hash_info.isdir:
        tree = [((), None, out.hash_info)]
    for names, _, content in tree or ():
        if not out.cache.exists(content.value):
            yield f"{'/'.join([str(out), *names])}: {content.value}"


def differences(status: Mapping[str, Any], unkept: set[str]) -> Iterator[str]:
    """What `dvc status` reports, a line each, except absent results that the remote does not keep."""
    for stage, changes in status.items():
        for change in changes:
            state_of = {"": change} if isinstance(change, str) else next(iter(change.values()))
            for path, state in state_of.items():
                if state == "deleted" and path in unkept:
                    continue
                states = state if isinstance(state, dict) else {"": state}
                yield from (f"{stage}: {' '.join(filter(None, [path, key, text]))}" for key, text in states.items())


def check_out(repo: "Repo") -> None:
    """Puts the files of the cache in place.

    Raises:
        ValueError: some are not in the cache. DVC drops objects whose content does not have their hash.
    """
    missing = [line for out in repo.index.outs if out.use_cache and out.hash_info for line in lost(out)]
    if missing:
        raise ValueError(_listed("the remote lacks objects or has damaged ones, so nothing was put in place", missing))
    repo.checkout()


def prove(repo: "Repo") -> list[str]:
    """Compares the workspace with dvc.lock, by content; returns the absent results.

    DVC trusts a file that has kept its time, so data and weights are read once more.

    Raises:
        ValueError: they differ in anything but results that are not kept.
    """
    intact.refuse_damaged(map(str, repo.index.outs))
    unkept = {str(out): out for out in repo.index.outs if not out.use_cache}
    lines = list(differences(repo.status(), set(unkept)))
    if lines:
        problem = "the files are in place, but dvc.lock is of another state; `make demo` makes what is outdated"
        raise ValueError(_listed(problem, lines))
    return sorted(path for path, out in unkept.items() if not out.exists)


def record(repo: "Repo") -> None:
    """Writes the sidecars of the files that DVC brings without (.dvcignore), where the bytes are those of dvc.lock."""
    for out in repo.index.outs:
        if not out.use_cache or not out.hash_info.isdir:
            continue
        for names, _, content in out.get_obj() or ():
            file = Path(str(out), *names)
            lacks_it = file.match(WITHOUT_SIDECAR) and not artifacts.sidecar_of(file).exists()
            if lacks_it and intact.md5(file) == content.value:
                artifacts.write_hashes(artifacts.sidecar_of(file), {file.name: artifacts.file_hash(file)})


def _listed(problem: str, lines: list[str]) -> str:
    return "\n  ".join([f"{problem}:", *lines])


def main() -> None:
    cli.StepParser(__doc__).parse_args()
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)  # frozen stages are meant to be
    try:
        with Repo() as repo:
            check_out(repo)
            absent = prove(repo)
            record(repo)
    except DvcException as error:
        raise ValueError(error) from error
    print("Data, results, code and settings are those of dvc.lock.")
    if absent:
        print(f"Not kept by the remote, and made again when something needs them: {', '.join(absent)}.")


if __name__ == "__main__":
    cli.run(main)

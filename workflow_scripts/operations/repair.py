"""Makes corrupt files again, with as few jobs as possible; and the shell commands for stale ones.

On the same kind of machine, a file that is made again has the same bytes (docs/data.md), and jobs that depend on it
need not run. But Snakemake compares large files by time, so a file that came out the same gets its old time back.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.operations import alone
from workflow_scripts.operations.integrity import Finding
from workflow_scripts.study import layout

REPAIR = "python -m workflow_scripts verify --study {study} --repair"


def repair(study: str, corrupt: Sequence[Finding], profile: str = layout.PROFILE) -> list[str]:
    """Makes the corrupt files of a study again; returns the outputs of jobs that came out with other bytes.

    The jobs run rule by rule, so that no job in between sees a newer input. A file of one model is removed together
    with the manifest of its shard; the worker then makes only this file. A checklist is written from its manifest.

    Whenever this is interrupted, the next audit finds what is still to be made: the sidecars stay.

    Args:
        corrupt: in the order of the data flow.
        profile: Snakemake's.

    Raises:
        ValueError: a job failed, and Snakemake has said which one; or Snakemake is at work in this folder.
    """
    alone.refuse_beside()
    other = []
    rest = [finding for finding in corrupt if not _is_restored(finding)]
    for _, group in groupby(rest, lambda finding: finding.job.rule):
        findings = list(group)
        jobs = dict.fromkeys(finding.job for finding in findings)
        outputs = [output for job in jobs for output in job.outputs]
        times = {output: dict(_times(Path(output))) for output in outputs}
        bad = {str(finding.file) for finding in findings}
        known = {output for output in outputs if _is_known(Path(output), output in bad)}
        for output in outputs:
            sidecar = artifacts.sidecar_of(output)
            if Path(output).exists() and not sidecar.exists():
                sidecar.touch()  # it proves nothing, but it is a trace of the file until the file is back
        for file in dict.fromkeys(file for finding in findings for file in to_remove(finding)):
            shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)
        # Its own locks tell nothing: a run that was killed leaves them.
        options = ["--nolock", "--profile", profile, "--config", f"study={study}", "--", *outputs]
        if subprocess.run([sys.executable, "-m", "snakemake", *options], check=False).returncode:
            raise ValueError(f"{outputs[0]}: could not be made again; once that works: {REPAIR.format(study=study)}")
        for output in outputs:
            time = times[output].get(artifacts.file_hash(output))
            for file in (output, artifacts.sidecar_of(output)) if time else ():
                os.utime(file, ns=(time, time))
            if output in known and not time:
                other.append(output)
    return other


def to_remove(finding: Finding) -> list[Path]:
    """The files without which Snakemake and the worker make the corrupt one again."""
    return [finding.file, Path(finding.job.outputs[0])] if finding.job.is_shard else [finding.file]


def _is_restored(finding: Finding) -> bool:
    """Whether it was a checklist, and its manifest is whole."""
    manifest = Path(finding.job.outputs[0])
    is_checklist = finding.job.is_shard and finding.file == shards.checklist_of(manifest)
    return is_checklist and shards.restore_checklist(manifest)


def _is_known(output: Path, is_corrupt: bool) -> bool:
    """Whether the bytes that an output should have are known; not if it is corrupt in the bytes that are recorded."""
    try:
        recorded = artifacts.recorded_hash(output)
        return recorded is not None and not (is_corrupt and artifacts.file_hash(output) == recorded)
    except FileNotFoundError:
        return True
    except (ValueError, OSError):
        return False


def _times(output: Path) -> Iterator[tuple[str | None, int]]:
    """By the hash of an output, the time when it had it: as its sidecar says, and as it is."""
    for file, hash_of in ((artifacts.sidecar_of(output), artifacts.recorded_hash), (output, artifacts.file_hash)):
        try:
            yield hash_of(output), file.stat().st_mtime_ns
        except (ValueError, OSError):  # missing, or damaged
            continue


def remake(study: str, stale: Sequence[Finding]) -> list[str]:
    """Shell lines that make stale files again, and everything that depends on them."""
    if not stale:
        return []
    bad = dict.fromkeys(finding.job.outputs[0] if finding.job.is_shard else str(finding.file) for finding in stale)
    return [f"rm -f {shlex.join(bad)}", layout.COMMAND.format(study=study)]

"""Shell commands that make corrupt or stale files again, with as few jobs as possible.

On the same kind of machine, a file that is made again has the same bytes (docs/data.md), and jobs that depend on it
need not run. But Snakemake compares large files by time, so a file that came out the same gets its old time back.
"""

import shlex
from collections.abc import Sequence
from itertools import groupby

from workflow_scripts.operations.integrity import Finding

SNAKEMAKE = "snakemake --profile config/profiles/default --config study={study}"
AGAIN = """again() {{
    for file; do cp -p "$file.sha256" "$file.before" 2> /dev/null; done
    {snakemake} -- "$@"
    for file; do
        cmp "$file.sha256" "$file.before" && touch -c -r "$file.before" "$file" "$file.sha256"
        rm -f "$file.before"
    done
}}"""


def repair(study: str, corrupt: Sequence[Finding]) -> list[str]:
    """Shell lines that make the corrupt files of a study again, to be run in the project's folder.

    They go rule by rule, so that no job in between sees a newer input. A file of one model is removed together with the
    manifest of its shard. The worker then makes only this file.

    Args:
        corrupt: in the order of the data flow.
    """
    if not corrupt:
        return []
    bad = dict.fromkeys(name for finding in corrupt for name in _to_remove(finding))
    jobs = dict.fromkeys(finding.job for finding in corrupt)
    outputs = [[output for job in group for output in job.outputs] for _, group in groupby(jobs, lambda job: job.rule)]
    return [
        *AGAIN.format(snakemake=SNAKEMAKE.format(study=study)).splitlines(),
        f"rm -f {shlex.join(bad)}",
        *(f"again {shlex.join(files)}" for files in outputs),
    ]


def remake(study: str, stale: Sequence[Finding]) -> list[str]:
    """Shell lines that make stale files again, and everything that depends on them."""
    if not stale:
        return []
    bad = dict.fromkeys(finding.job.outputs[0] if finding.job.is_shard else str(finding.file) for finding in stale)
    return [f"rm -f {shlex.join(bad)}", SNAKEMAKE.format(study=study)]


def _to_remove(finding: Finding) -> list[str]:
    return [str(finding.file), finding.job.outputs[0]] if finding.job.is_shard else [str(finding.file)]

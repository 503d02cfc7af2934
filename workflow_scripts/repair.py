"""How corrupt files are made again: as few jobs as possible, as lines for the shell.

Results are deterministic, so that a file made again is the same byte for byte, and nothing that depends on it need run.
But Snakemake compares large files by time: hence a file that is the same again gets the time of its sidecar back.
"""

import shlex
from collections.abc import Sequence

from workflow_scripts import artifacts
from workflow_scripts.integrity import Finding

SNAKEMAKE = "snakemake --profile config/profiles/default --config study={study}"


def repair(study: str, corrupt: Sequence[Finding]) -> list[str]:
    """Lines for bash that make corrupt files of a study again, run in the project's folder; none if nothing is corrupt.

    A file of a single model goes together with the manifest of its shard, whose worker then makes this model alone.
    """
    if not corrupt:
        return []
    jobs = list(dict.fromkeys(finding.job for finding in corrupt))
    targets = {finding.job.outputs[0] if finding.job.is_shard else str(finding.file) for finding in corrupt}
    recorded = [output for job in jobs for output in job.outputs if artifacts.sidecar_of(output).exists()]
    # Jobs of other rules, between two that are repaired, would run as well: they have newer inputs.
    rules = list(dict.fromkeys(job.rule for job in jobs))
    only = f" --allowed-rules {shlex.join(rules)}" if len(rules) > 1 else ""
    bad = dict.fromkeys([*(str(finding.file) for finding in corrupt if finding.file.exists()), *sorted(targets)])
    each = f"for file in {shlex.join(recorded)}; do"
    return [
        *(each, '    cp -p "$file.sha256" "$file.before"', "done"),
        f"rm -f {shlex.join(bad)}",
        f"{SNAKEMAKE.format(study=study)}{only} -- {shlex.join(sorted(targets))}",
        each,
        '    cmp "$file.sha256" "$file.before" && touch -c -r "$file.before" "$file" "$file.sha256"',
        '    rm "$file.before"',
        "done",
    ]


def remake(study: str, stale: Sequence[Finding]) -> list[str]:
    """Lines for bash that make stale files again, and all that depends on them; none if nothing is stale."""
    if not stale:
        return []
    bad = dict.fromkeys(finding.job.outputs[0] if finding.job.is_shard else str(finding.file) for finding in stale)
    return [f"rm -f {shlex.join(bad)}", SNAKEMAKE.format(study=study)]

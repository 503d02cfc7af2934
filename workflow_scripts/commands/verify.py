"""Checks every file of a study: its bytes by the hash recorded when it was written, its provenance by today's study.

  damaged    an input below data/ whose bytes are not those that dvc.lock, its manifest or its sidecar says
  corrupt    its bytes have changed or nothing proves them, it cannot be read, or it is gone although its shard's
             manifest lists it or its sidecar is here, as after a repair that was interrupted
  stale      made with other settings or from other inputs than the study has now
  orphaned   no job makes it, no manifest lists it, no running worker writes it
  missing    the job that makes it is to do

With --repair, corrupt files are made again. Jobs that depend on such a file run again only if its bytes come out
different. Damaged inputs come first: nothing is made from them. The exit code is 1 if anything is damaged, corrupt,
stale or orphaned; an unfinished study is fine. Every file is read once, so it is best to run this while nothing else
runs. Study and results are those of the current folder.

Example:
    python -m workflow_scripts verify --study smoke
    python -m workflow_scripts verify --study smoke --repair --profile slurm
    python -m workflow_scripts verify --study smoke --clean-orphans
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from workflow_scripts import cli
from workflow_scripts.operations import alone
from workflow_scripts.operations.integrity import Audit, audit
from workflow_scripts.operations.jobs import jobs
from workflow_scripts.operations.orphans import orphans, remove
from workflow_scripts.operations.repair import REPAIR, remake, repair
from workflow_scripts.study import checks, layout
from workflow_scripts.study.study import Study

CLEAN = "python -m workflow_scripts verify --study {study} --clean-orphans"


def report(study: Study, result: Audit, orphaned: list[Path], repairs: bool = False) -> None:
    """Prints the result group by group, and what to do, unless a repair follows."""
    _show("damaged inputs", (f"  {damage.path}: {damage.reason}" for damage in result.damaged))
    for name, findings in (("corrupt", result.corrupt), ("stale", result.stale)):
        _show(name, (f"  {finding.file}: {finding.reason} (job {finding.job.record})" for finding in findings))
    _show("orphaned", (f"  {file}" for file in orphaned))
    _show("missing", (f"  {line}" for line in _by_rule(result)))
    _show("To get damaged inputs again, before all else", (damage.remedy for damage in result.damaged))
    _show("To make corrupt files again", [REPAIR.format(study=study.name)] if result.corrupt and not repairs else [])
    _show("To make stale files again, and all that depends on them", remake(study.name, result.stale))
    _show("To remove orphaned files", [CLEAN.format(study=study.name)] if orphaned else [])
    damaged = f"{len(result.damaged)} damaged inputs, " if result.damaged else ""
    counts = f"{damaged}{len(result.corrupt)} corrupt, {len(result.stale)} stale, {len(orphaned)} orphaned"
    print(f"{study.name}: {result.survey}; {result.files} files of {readable(result.size)}: {counts}.")


def clean(study: Study, yes: bool) -> None:
    """Removes the orphaned files of a study, after asking.

    Raises:
        ValueError: Snakemake is running in this folder, or standard input is not a terminal.
    """
    files = orphans(study.name, jobs(study))
    if not files:
        print(f"{study.name}: nothing is orphaned.")
        return
    sizes = {file: file.lstat().st_size for file in files}
    _show("orphaned", (f"  {file} ({readable(size)})" for file, size in sizes.items()))
    if not yes:
        if not sys.stdin.isatty():
            raise ValueError("standard input: is not a terminal, so nobody can confirm; --yes removes without asking")
        if input(f"Remove {len(files)} files of {readable(sum(sizes.values()))}? [y/N] ").strip().lower() != "y":
            print("Nothing is removed.")
            return
    with alone.held():
        remove(files, layout.folder(study.name))
    print(f"{len(files)} files of {readable(sum(sizes.values()))} removed.")


def readable(size: int) -> str:
    return tqdm.format_sizeof(size, "B")


def _by_rule(result: Audit) -> list[str]:
    missing = {job: files for job, files in result.unfinished.items() if job in result.survey.to_do}
    if missing and not result.survey.done:
        return ["everything: no job is done"]
    counts = Counter(job.rule for job in missing)
    first = {job.rule: files[0] for job, files in reversed(missing.items())}
    return [f"{rule}: {count} to do, such as {first[rule]}" for rule, count in counts.items()]


def _show(title: str, lines: Iterable[str]) -> None:
    """Prints lines under a title; nothing if there are none."""
    lines = list(map(cli.printable, lines))
    if lines:
        print(f"{title}:", *lines, "", sep="\n")


@cli.command_line(
    study=cli.flag("name of a study; default: that of config/config.yaml"),
    clean_orphans=cli.flag("check nothing; remove orphaned files, asking first", action="store_true"),
    yes=cli.flag("with --clean-orphans: do not ask", action="store_true"),
    repair=cli.flag("make corrupt files again", action="store_true"),
    profile=cli.flag("with --repair: Snakemake's profile", default=layout.PROFILE),
)
def main(args: cli.Args) -> None:
    study = checks.named_study(args.study, Path())
    if args.clean_orphans:
        clean(study, args.yes)
        return
    planned = jobs(study)
    result, orphaned = audit(planned), orphans(study.name, planned)
    repairs = args.repair and bool(result.corrupt) and not result.damaged
    report(study, result, orphaned, repairs)
    wrong = [*result.damaged, *result.corrupt]
    if repairs:
        wrong = other = repair(study.name, result.corrupt, args.profile)
        print(f"{len(result.corrupt)} files were made again.")
        _show("Came out with other bytes, as on another kind of machine", (f"  {file}" for file in other))
        _show("To make all that depends on them again", [layout.COMMAND.format(study=study.name)] if other else [])
    sys.exit(1 if wrong or result.stale or orphaned else 0)

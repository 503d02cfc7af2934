"""Checks a profile against a SLURM cluster before anything is submitted, and prints one line for each problem.

Asks sinfo, scontrol, sacctmgr and `sbatch --test-only` about the requests of each rule in its last attempt. Then
a short job on a node of each partition tests whether the node sees the project's folder and this Python. The exit code
is 1 if there is a problem.

Example:
    python -m workflow_scripts cluster_check --profile slurm --config study=smoke
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from workflow_scripts import cli, plugins
from workflow_scripts.operations import slurm_offers
from workflow_scripts.operations.slurm_queue import ask
from workflow_scripts.study import checks, schema, weights

PROFILES = Path("config/profiles")
COMMANDS = ("sinfo", "sbatch", "srun", "squeue", "scancel", "scontrol")


def profile_file(name: str) -> Path:
    """The file of a profile, named as on the command line of Snakemake.

    Raises:
        ValueError: there is none, or it is not for SLURM.
    """
    file = next((f for f in (Path(name, "config.yaml"), PROFILES / name / "config.yaml") if f.is_file()), None)
    if file is None:
        known = ", ".join(sorted(other.parent.name for other in PROFILES.glob("*/config.yaml")))
        raise ValueError(f"--profile: {name!r} has no config.yaml; profiles in {PROFILES}: {known}")
    file = Path(file.parent.resolve(), file.name)
    file = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    if (executor := schema.read_yaml(file).get("executor")) != "slurm":
        raise ValueError(f"{file}: executor: {executor!r} submits nothing; valid: slurm")
    return file


def weight_problems(overrides: list[str]) -> Iterator[str]:
    """Weights that are not on disk. Compute nodes often have no internet to fetch them."""
    name = dict(item.partition("=")[::2] for item in overrides).get("study")
    name = name or schema.read_yaml(Path("config/config.yaml"))["study"]
    file = checks.study_file(name, Path())
    study = schema.read_yaml(Path(file))
    base_model = study.get("base_model")
    used = {"base_model.path": base_model["path"]} if base_model else {}
    used |= {
        f"encoders.{name}.path": section["path"] for name, section in study["encoders"].items() if "path" in section
    }
    fetched = weights.read_downloads(Path("config/downloads.txt"))
    for key, path in used.items():
        if not all(Path(needed).exists() for needed in weights.needed(path)):
            if weights.is_on_hub(path) or Path(path).name in fetched:
                fetch = " ".join(weights.needed(path))
                yield f"{file}: {key}: {path!r} is not there yet; fetch it on this machine: snakemake --cores 1 {fetch}"
            else:
                yield f"{file}: {key}: {path!r} is missing or empty; put the weights there"
        elif key == "base_model.path":
            try:
                plugins.load("base_models", base_model["name"]).check(Path(path))
            except ValueError as error:
                yield f"{file}: {key}: {error}"


def problems(file: Path, overrides: list[str], jobs: bool, wait: int) -> Iterator[str]:
    """Every problem, one line each. Prints what is fine. Stops where further checks would repeat the problem."""
    profile = schema.read_yaml(file)
    if missing := [command for command in COMMANDS if not shutil.which(command)]:
        yield f"{file}: executor: 'slurm' needs {', '.join(missing)}, which this machine lacks; run on a login node"
        return
    missing_weights = list(weight_problems(overrides))
    yield from missing_weights
    offered = slurm_offers.partitions(ask("sinfo", "--noheader", "--Node", f"--format={slurm_offers.NODES}"))
    status = profile.get("slurm-status-command", "sacct")
    if problem := slurm_offers.status_problem(status, ask("scontrol", "show", "config")):
        yield f"{file}: slurm-status-command: {problem}"
    else:
        print(f"cluster: answers, has the partitions {', '.join(sorted(offered))}; {status} tells the states of jobs")
    if missing_weights:
        return
    print("weights: on disk")
    requests = slurm_offers.requests(file.parent, 1 + profile.get("retries", 0), overrides)
    refused = slurm_offers.request_problems(profile, requests, offered)
    yield from (f"{file}: {_some(keys)}: {problem}" for problem, keys in refused.items())
    for account in sorted({str(r.resources["slurm_account"]) for r in requests if "slurm_account" in r.resources}):
        if problem := slurm_offers.account_problem(account):
            yield f"{file}: default-resources.slurm_account: {account!r}: {problem}"
            return
    if refused:
        return
    refused = slurm_offers.submission_problems(profile, requests)
    yield from (f"{file}: jobs of {_some(rules)}: {problem}" for problem, rules in refused.items())
    if refused:
        return
    print(f"requests: sbatch accepts what each of {len(requests)} rules asks for, up to the last retry")
    for request in {request.partition: request for request in requests}.values() if jobs else ():
        try:
            problem, locks = slurm_offers.folder_problem(profile, request, Path.cwd(), wait)
            if problem:
                yield f"{file}: {problem}"
            else:
                print(f"files: a node of partition {request.partition or '(default)'} sees them; locks {locks}")
        except ValueError as error:
            print(f"files: not checked on partition {request.partition or '(default)'}: {error}")


def _some(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0]


@cli.command_line(
    profile=cli.flag("as for Snakemake: slurm, config/profiles/slurm_cpu", required=True),
    config=cli.flag("as for Snakemake: study=smoke", nargs="+", default=[], metavar="KEY=VALUE"),
    jobs=cli.flag("run the small jobs", default=True, action=argparse.BooleanOptionalAction),
    wait=cli.flag("seconds that a small job may wait for a node", type=int, default=60),
)
def main(args: cli.Args) -> None:
    file = profile_file(args.profile)
    if refused := list(problems(file, args.config, args.jobs, args.wait)):
        sys.exit("\n".join(f"error: {problem}" for problem in refused))
    config = ["--config", *args.config] if args.config else []
    print(f"No problem with {file}. Now: {' '.join(['snakemake', '--profile', args.profile, *config])}")

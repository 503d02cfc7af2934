"""What a SLURM cluster offers, and which requests of a profile it would refuse."""

import contextlib
import fcntl
import logging
import math
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workflow_scripts.operations.slurm_queue import ask

# On a node: tries a lock that is held elsewhere.
TRY_LOCK = """
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1]), fcntl.LOCK_SH | fcntl.LOCK_NB)
    print("locks: hold on one node only; never start a second run beside one whose jobs are still in the queue")
except BlockingIOError:
    print("locks: hold on all nodes")
except OSError as error:
    print(f"locks: none here ({error.strerror}); files stand in for them, see docs/cluster.md")
"""
NODES = "%R|%c|%m|%G|%l"  # of sinfo: partition, CPUs, memory, generic resources, time limit


@dataclass
class Partition:
    """What its best nodes offer."""

    cpus: int = 0
    mem_mb: int = 0
    minutes: float = 0  # that a job may take
    gpus: dict[str, int] = field(default_factory=dict)  # number by model; `gpu` if the model has no name


@dataclass(frozen=True)
class Request:
    """What the jobs of a rule request, as Snakemake evaluates profile and rules."""

    rule: str
    threads: int
    resources: Mapping[str, Any]

    @property
    def partition(self) -> str:
        return str(self.resources.get("slurm_partition", ""))

    @property
    def gpus(self) -> int:
        return int(self.resources.get("gpu", 0))


def partitions(nodes: str) -> dict[str, Partition]:
    """The partitions in a listing of sinfo, one line for each node and partition (`NODES`)."""
    by_name: dict[str, Partition] = {}
    for line in nodes.splitlines():
        name, cpus, mem_mb, generic, limit = line.split("|")
        partition = by_name.setdefault(name, Partition(minutes=minutes(limit)))
        partition.cpus = max(partition.cpus, int(cpus))
        partition.mem_mb = max(partition.mem_mb, int(mem_mb))
        for model, count in gpus(generic).items():
            partition.gpus[model] = max(partition.gpus.get(model, 0), count)
    return by_name


def gpus(generic: str) -> dict[str, int]:
    """Number of GPUs by model in a node's generic resources, such as `gpu:a100:4(S:0-1),shard:8`."""
    by_model: dict[str, int] = {}
    for model, count in re.findall(r"(?:^|,)gpu(?::([^:,()]*[^:,()\d][^:,()]*))?(?::(\d+))?(?=[,(]|$)", generic):
        by_model[model or "gpu"] = by_model.get(model or "gpu", 0) + int(count or 1)
    return by_model


def minutes(limit: str) -> float:
    """A time limit as SLURM writes it: `infinite`, `2-00:00:00`, `12:00:00`, `30:00`."""
    if limit in ("infinite", "n/a"):
        return math.inf
    days, _, clock = limit.rpartition("-")
    hours, mins, seconds = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + mins + seconds / 60


def requests(profile: Path, attempt: int, config: Sequence[str]) -> list[Request]:
    """What each rule of a study requests in its nth attempt, from a dry run of all its jobs.

    Raises:
        ValueError: Snakemake cannot plan it.
    """
    command = [sys.executable, "-m", "snakemake", "--profile", str(profile), "--dry-run", "--forceall", "--nolock"]
    command += ["--attempt", str(attempt), "--cores", "1024"]  # else threads are cut to those of this machine
    command += ["--config", *config] if config else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"snakemake cannot plan it: {' '.join((done.stderr or done.stdout).split())[-600:]}")
    return parse_plan(done.stdout + done.stderr)


def parse_plan(plan: str) -> list[Request]:
    """The requests of the rules in the output of a dry run; all jobs of a rule request the same."""
    by_rule: dict[str, Request] = {}
    for block in re.split(r"^(?:local)?rule ", plan, flags=re.MULTILINE)[1:]:
        rule = block.partition(":")[0]
        threads = re.search(r"^    threads: (\d+)$", block, re.MULTILINE)
        line = re.search(r"^    resources: (.+)$", block, re.MULTILINE)
        pairs = (item.partition("=")[::2] for item in (line[1].split(", ") if line else ()))
        resources = {key: int(value) if value.isdigit() else value for key, value in pairs if value != "<TBD>"}
        if "mem_mb" in resources:  # a milestone asks for nothing
            by_rule.setdefault(rule, Request(rule, int(threads[1]) if threads else 1, resources))
    return list(by_rule.values())


def request_problems(
    profile: Mapping[str, Any], asked: Sequence[Request], offered: Mapping[str, Partition]
) -> dict[str, list[str]]:
    """What the cluster does not offer: the problems, each with the keys of the profile that cause it."""
    problems: dict[str, list[str]] = {}
    for request in asked:
        for resource, problem in _request_problems(request, offered):
            keys = problems.setdefault(problem, [])
            if (key := key_of(profile, request.rule, resource)) not in keys:
                keys.append(key)
    return problems


def _request_problems(request: Request, offered: Mapping[str, Partition]) -> Iterator[tuple[str, str]]:
    name = request.partition
    if not name:  # SLURM's default, which sbatch knows
        return
    if name not in offered:
        yield "slurm_partition", f"{name!r} is no partition of this cluster; partitions: {', '.join(sorted(offered))}"
        return
    partition, model = offered[name], str(request.resources.get("gpu_model", "gpu"))
    has = ", ".join(f"gpu:{gpu}:{count}" for gpu, count in partition.gpus.items()) or "none"
    most = partition.gpus.get(model, 0) if model != "gpu" else sum(partition.gpus.values())
    if request.gpus > most:
        key = "gpu_model" if model != "gpu" else "gpu"
        yield key, f"no node of partition {name!r} has {request.gpus} gpu:{model}; GPUs of its nodes: {has}"
        return  # another partition has other limits
    for resource, value, limit, unit in (
        ("runtime", request.resources.get("runtime", 0), partition.minutes, "minutes"),
        ("mem_mb", request.resources.get("mem_mb", 0), partition.mem_mb, "MB"),
        ("threads", request.threads, partition.cpus, "CPUs"),
    ):
        if isinstance(value, int) and value > limit:
            yield resource, f"{value} {unit}, in the last attempt, exceed the {limit:g} of partition {name!r}"


def key_of(profile: Mapping[str, Any], rule: str, resource: str) -> str:
    """The key of the profile that sets a resource of a rule, or could set it."""
    if resource == "threads":
        return f"set-threads.{rule}"
    own = profile.get("set-resources", {}).get(rule, {})
    common = resource not in own and resource in profile.get("default-resources", {})
    return f"default-resources.{resource}" if common else f"set-resources.{rule}.{resource}"


def status_problem(command: str, settings: str) -> str:
    """Why sacct or squeue cannot tell the states of jobs, from `scontrol show config`; empty if it can."""
    values = dict(re.findall(r"^(\w+)\s*= (.*)$", settings, re.MULTILINE))
    if command == "sacct" and values.get("AccountingStorageType", "").endswith("/none"):
        return "'sacct' knows no jobs, because this cluster stores no accounting (AccountingStorageType); valid: squeue"
    age = re.match(r"\d+", values.get("MinJobAge", ""))
    if command == "squeue" and age and int(age[0]) < 120:
        return f"'squeue' forgets jobs {age[0]} seconds after they end (MinJobAge), but 120 are needed; valid: sacct"
    return ""


def account_problem(account: str) -> str:
    """Why the executor would refuse an account; empty if it would not."""
    from snakemake_executor_plugin_slurm.accounts import validate_account
    from snakemake_interface_common.exceptions import WorkflowError

    try:
        validate_account(account, logging.Logger("executor", logging.ERROR))
    except (WorkflowError, OSError) as error:
        return " ".join(str(error).split())
    return ""


def submission_problems(profile: Mapping[str, Any], asked: Sequence[Request]) -> dict[str, list[str]]:
    """What sbatch refuses: the problems, each with the rules that cause it."""
    refusals: dict[str, list[str]] = {}
    answers: dict[str, str] = {}
    for request in asked:
        wish = repr((request.threads, sorted(request.resources.items())))
        if wish not in answers:  # each test costs slurmctld some work
            answers[wish] = submission_problem(profile, request)
        if answers[wish]:
            refusals.setdefault(answers[wish], []).append(request.rule)
    return refusals


def submission_problem(profile: Mapping[str, Any], request: Request) -> str:
    """Why sbatch would refuse a job of a rule, submitted as the executor does it; empty if it accepts it."""
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    class Resources(dict):
        __getattr__ = dict.__getitem__

    job = SimpleNamespace(resources=Resources(request.resources), threads=request.threads)
    account, partition = request.resources.get("slurm_account"), request.partition
    params = {
        "run_uuid": "cluster_check",
        "slurm_logfile": "/dev/null",
        "comment_str": request.rule,
        "account": f"-A {shlex.quote(str(account))}" if account else "",
        "partition": f"-p {shlex.quote(partition)}" if partition else "",
        "workdir": str(Path.cwd()),
    }
    executor = SimpleNamespace(
        requeue=False,
        no_requeue=False,
        qos=profile.get("slurm-qos"),
        reservation=profile.get("slurm-reservation"),
    )
    call = get_submit_command(job, params, executor) + set_gres_string(job) + " --test-only --wrap true"
    try:
        ask(*shlex.split(call))
    except ValueError as error:
        return str(error)
    return ""


def folder_problem(profile: Mapping[str, Any], request: Request, folder: Path, wait: int) -> tuple[str, str]:
    """Why jobs on a node of a rule's partition could not work in a folder, empty if they can; and how it sees locks.

    Raises:
        ValueError: no node could be had within `wait` seconds, or at all.
    """
    wishes = [f"--partition={request.partition}"] if request.partition else []
    wishes += [f"--account={account}"] if (account := request.resources.get("slurm_account")) else []
    wishes += [f"--qos={qos}"] if (qos := profile.get("slurm-qos")) else []
    wishes += [f"--gpus={request.resources.get('gpu_model', 'gpu')}:1".replace("=gpu:", "=")] if request.gpus else []
    results = Path(folder, "results")
    with (
        tempfile.TemporaryDirectory(prefix=".cluster_check-", dir=folder) as name,
        tempfile.NamedTemporaryFile(prefix=".cluster_check-", dir=results if results.is_dir() else folder) as lock,
    ):
        question, answer = Path(name, "question"), Path(name, "answer")
        question.write_text("seen")
        with contextlib.suppress(OSError):  # the node will say that there are no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        script = 'echo ${SLURMD_NODENAME:-unknown}; cat "$0" && touch "$1" && test -x "$2" && echo python'
        script += '&& test -e "$4" && "$2" -c "$3" "$4"'
        reply = ask(
            *("srun", *wishes, "--ntasks=1", "--time=1", "--mem=100", f"--immediate={wait}", "--chdir=/"),
            *("sh", "-c", f"{script}; true", str(question), str(answer), sys.executable, TRY_LOCK, lock.name),
            timeout=wait + 60,
        )
        where = f"node {reply.split()[0]} of partition {request.partition!r}"
        if "seen" not in reply:
            return f"{where} does not see {folder}; the project must lie on a file system that all nodes share", ""
        if not _appears(answer, patience := profile.get("latency-wait", 5)):
            return f"{where} cannot write to {folder}, or what it writes is not seen here within {patience} seconds", ""
        if "python" not in reply:
            missing = f"{where} has no {sys.executable}"
            return f"{missing}; the environment must lie on a file system that all nodes share", ""
        if "locks: " not in reply:
            return f"{where} does not see {results}; results must lie on a file system that all nodes share", ""
    return "", reply.partition("locks: ")[2].strip()


def _appears(file: Path, seconds: int) -> bool:
    """Whether a file appears within some seconds; network file systems may take that long."""
    for _ in range(seconds):
        if file.exists():
            return True
        time.sleep(1)
    return file.exists()

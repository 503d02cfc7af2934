"""What the benchmarks share: contenders in turn, medians with their spread, and ratios pair by pair."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from workflow_scripts import artifacts

FOLDER = Path(__file__).parent
REPETITIONS = 5
Costs = dict[str, list[dict[str, float]]]  # by contender, one entry per repetition: figures by name


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the repetitions."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        return cls(*(float(f"{number(values):.4g}") for number in (np.median, np.min, np.max)))


@dataclass(frozen=True)
class Comparison:
    """One line of a benchmark's table: what ours and the peer cost, and how many times less ours does.

    Attributes:
        goal: the ratio that we aim at; null where the line is for information.
    """

    work: str
    unit: str
    peer: str
    ours_cost: Spread
    peer_cost: Spread
    ratio: Spread
    goal: float | None


def interleave(contenders: Mapping[str, Callable[[], dict[str, float]]], repetitions: int = REPETITIONS) -> Costs:
    """Runs the contenders in turn, A B C A B C ..., so that a machine whose speed drifts favours none.

    Args:
        contenders: by name; each does its work once and returns what it cost.
    """
    costs: Costs = {name: [] for name in contenders}
    turns = [name for _ in range(repetitions) for name in contenders]
    for name in (bar := tqdm(turns, unit="run", disable=None)):
        bar.set_postfix_str(name)
        costs[name].append(contenders[name]())
    return costs


def compare(
    costs: Costs, ours: str, peer: str, figure: str, work: str, unit: str, goal: float | None = None
) -> Comparison:
    """Compares one figure of two contenders; the ratio is taken within each repetition."""
    mine, theirs = (values(costs, name, figure) for name in (ours, peer))
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    return Comparison(work, unit, peer, Spread.of(mine), Spread.of(theirs), Spread.of(ratios), goal)


def values(costs: Costs, contender: str, figure: str) -> list[float]:
    """One figure of a contender, by repetition."""
    return [cost[figure] for cost in costs[contender]]


def run(
    command: Sequence[str], read: Callable[[str], dict[str, float]], threads: int = 1, cwd: Path | None = None
) -> dict[str, float]:
    """Runs a command as a user would, and returns the figures that `read` finds in what it prints.

    Returns:
        These figures, and `cpu`, `wall` (seconds, start-up included) and `peak` (MB of the largest process).

    Raises:
        ValueError: the command failed; the message ends with its own.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, complained = (file.seek(0) or file.read().decode() for file in (out, err))
    if process.returncode != 0:
        raise ValueError(f"{' '.join(command)}: {complained[-2000:]}")
    peak = usage.ru_maxrss / 1024  # Linux counts in KiB
    return {**read(printed), "cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "peak": peak}


def run_module(module: str, *arguments: str, threads: int = 1) -> dict[str, float]:
    """Runs `python -m module`, which prints its figures as a JSON object in its last line; see `run`."""
    return run([sys.executable, "-m", module, *arguments], lambda out: json.loads(out.splitlines()[-1]), threads)


def machine(threads: int) -> dict[str, Any]:
    """The hardware and the versions that the figures hold for."""
    import torch

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "bf16": torch.cpu._is_avx512_bf16_supported(),
        "versions": artifacts.make_provenance({}, {})["versions"],
    }

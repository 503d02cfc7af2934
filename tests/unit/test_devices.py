"""What decides where and how tensors are computed."""

import os
import subprocess
import sys

import pytest
import torch

from tests.projects import ROOT
from workflow_scripts import devices

LIBRARIES = """
import workflow_scripts.steps.train_head, torch
from threadpoolctl import threadpool_info
print(torch.get_num_threads(), *(library["num_threads"] for library in threadpool_info()))
"""


def test_one_thread_computes_in_a_step_whatever_the_environment_says():
    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # Snakemake sets them to a job's threads
    environment = {**os.environ, **dict.fromkeys(variables, "4")}
    done = subprocess.run([sys.executable, "-c", LIBRARIES], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert set(done.stdout.split()) == {"1"}, done.stderr


@pytest.mark.parametrize(("device", "threads", "expected"), [("cpu", 1, 0), ("cpu", 8, 7), ("cuda", 1, 1)])
def test_other_threads_decode(device: str, threads: int, expected: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "best", lambda: device)
    assert devices.decoders(threads) == expected


@pytest.mark.parametrize("full", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate")])
def test_batches_shrink_until_they_fit(full, caplog):
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise full
        return [2 * item for item in batch]

    assert list(devices.in_batches(range(12), 10, compute)) == list(range(0, 24, 2))
    assert sizes == [10, 5, 3, 3, 3, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 10 at once, going on with 5",
        "out of memory with 5 at once, going on with 3",
    ]


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), torch.OutOfMemoryError("even one is too much")])
def test_other_errors_and_a_single_item_that_does_not_fit_are_raised(error):
    def compute(batch):
        raise error

    with pytest.raises(RuntimeError, match=str(error)):
        list(devices.in_batches(range(2), 1, compute))


def test_precision_is_what_was_asked_for():
    assert devices.resolve_precision("bf16", "cpu") == "bf16"
    assert devices.resolve_precision("auto", "cpu") in ("fp32", "bf16")
    x = torch.ones(2, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with devices.autocast(precision, "cpu"):
            assert (x @ x).dtype == dtype

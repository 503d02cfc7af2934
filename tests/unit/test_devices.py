import pytest
import torch

from workflow_scripts import devices


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

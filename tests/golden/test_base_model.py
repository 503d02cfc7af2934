"""The shipped base model draws and learns what it did when its golden values were recorded."""

import json

import numpy as np

from tests.golden.base_model import RECORD, measure


def test_base_model_draws_and_learns_as_recorded() -> None:
    golden, now = json.loads(RECORD.read_text()), measure()
    # Sums of fp32 in another order (another processor, another BLAS) move a pixel by less than a level or two.
    np.testing.assert_allclose(now["quarters"], golden["quarters"], atol=2.0)
    np.testing.assert_allclose(now["losses"], golden["losses"], rtol=2e-3)

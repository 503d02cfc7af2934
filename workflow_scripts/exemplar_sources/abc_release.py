"""The test set that the authors of AbC released: exemplars by the JSON files of the release. See docs/release.md."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.release.images import complete, exemplar_parts, missing_exemplars, read_case
from workflow_scripts.study.study import Case


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """See `ExemplarSourceModule.select`; `source` is the folder that holds `dataset/`. Images keep their bytes."""
    entries = read_case(source, case)
    return exemplar_parts(source, case, complete(source, entries, missing_exemplars(source, entries), False))

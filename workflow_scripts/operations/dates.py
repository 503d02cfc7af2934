"""Files dated in the future: whatever is made from them is older, so Snakemake makes it again in every run."""

import logging
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

SKEW = 60  # seconds that the clocks of file servers may differ

log = logging.getLogger(__name__)


def warn_of_future(files: Iterable[str]) -> None:
    """Names the first of the files that are dated in the future, and says how many others are."""
    dates = {file: date for file in dict.fromkeys(files) if (date := _date(file)) > time.time() + SKEW}
    if dates:
        first, date = next(iter(dates.items()))
        more = f", like {len(dates) - 1} others" if len(dates) > 1 else ""
        log.warning(
            "%s: is dated in the future (%s)%s; what is made from it is made again in every run; to end this: touch %s",
            *(first, f"{datetime.fromtimestamp(date):%F %T}", more, first),
        )


def _date(file: str) -> float:
    try:
        return Path(file).stat().st_mtime
    except FileNotFoundError:  # a job will make it
        return 0

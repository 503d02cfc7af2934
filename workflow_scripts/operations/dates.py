"""Files dated in the future. What a job makes from one would be older than its input, so Snakemake throws it away."""

import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

SHOWN = 20  # files that a command names
SKEW = 60  # seconds that the clock of a file server may be ahead


def refuse_future(files: Iterable[str]) -> None:
    """Refuses to start if files are dated in the future. Those that do not exist yet are passed over.

    Raises:
        ValueError: there are such files; the message names the first one, and says how many others there are.
    """
    dates = {file: date for file in dict.fromkeys(files) if (date := _date(file)) > time.time() + SKEW}
    if dates:
        first, date = next(iter(dates.items()))
        others = f", like {len(dates) - 1} others" if len(dates) > 1 else ""
        names = list(dates)[:SHOWN]
        raise ValueError(
            f"{first}: is dated in the future ({datetime.fromtimestamp(date):%F %T}){others}; what is made from it "
            f"would count as older, and be made again in every run; if the date is wrong: touch {shlex.join(names)}"
        )


def _date(file: str) -> float:
    try:
        return Path(file).stat().st_mtime
    except FileNotFoundError:
        return 0

"""Steps: one command line per rule. It parses, reads, calls and writes.

One thread computes, whatever the rule, the profile or the environment say: how a sum is rounded depends on how many
threads share it. More cores run more jobs; a job's other threads load, decode and write.
"""

import os

from workflow_scripts import commands

__path__ += commands.__path__  # where they stood before: python -m workflow_scripts.steps.verify

# Here, because NumPy and PyTorch read these when they are loaded, and this is loaded before any step.
os.environ |= dict.fromkeys(
    [
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ],
    "1",
)

"""Attribution by Customization: make a benchmark of known influences on a text-to-image model, and score methods on it."""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, workflow.basedir)
os.environ.update(PYTHONPATH=workflow.basedir)  # jobs find the package from any working directory
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two jobs on two cores must not spin against each other


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/start.smk"


slurm_executor.use()  # before Snakemake makes its own


configfile: in_project(checked(checks.config_file, ROOT, workflow.overwrite_configfiles))
configfile: in_project(checked(checks.study_file, config.get("study"), ROOT))


STUDY = checked(checks.load_study, config, ROOT)
checked(checks.refuse_read_only, Path(".snakemake"))  # which a dry run needs, too
PRETRAINING = checked(checks.load_pretraining, ROOT)


wildcard_constraints:
    study=STUDY.name,
    case=one_of(STUDY.cases),
    shard=ID.pattern,
    block=one_of(STUDY.blocks),
    encoder=one_of(config["encoders"]),
    head=one_of(config["heads"]),
    training_set=one_of(STUDY.training_sets),
    method=one_of(config["methods"]),


MADE = "release features" if STUDY.is_released else "models samples features heads"
# In the order of the data flow, which operations/jobs.py relies on.
PHASES = f"assets prompts downloads exemplars {MADE} evaluation report plan".split()
for phase in PHASES:

    include: f"rules/{phase}.smk"


rule all:
    default_target: True
    input:
        no_file_but_a_look_at_data,
        REPORT,

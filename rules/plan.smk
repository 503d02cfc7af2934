"""Plan: what a study is made of, and what it costs, in hours and storage, before it runs and while it does.

Reads what the study has so far, above all its benchmarks; prints the plan and writes it beside the results.
"""

import json


localrules:
    plan,


rule plan:
    """Run by its name: prints and writes jobs, expected hours and storage. It has no output, so it always runs."""
    log:
        f"results/{STUDY.name}/logs/plan.log",
    conda:
        "../envs/environment.yaml"
    params:
        settings=lambda wildcards: json.dumps(config),  # in the study's order, which decides that of cases and blocks
    shell:
        r"""
        python -m workflow_scripts plan \
            --settings - \
            <<< {params.settings:q} \
            2> {log:q}
        """

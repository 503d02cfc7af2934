"""Plan: what a study is made of, and what it costs, in hours and storage, before it runs and while it does.

Reads whatever is there of the study, its benchmarks above all; prints the plan and writes it beside the results.
"""


localrules:
    plan,


rule plan:
    """Asked for by its name: prints and writes jobs, expected hours and storage. Has no output, so it always runs."""
    log:
        f"results/{STUDY.name}/logs/plan.log",
    conda:
        "../envs/environment.yaml"
    params:
        settings=lambda wildcards: canonical_json(config),
    shell:
        r"""
        python -m workflow_scripts plan \
            --settings - \
            <<< {params.settings:q} \
            2> {log:q}
        """

"""Downloads: published weights, downloaded when a study names a path below data/hub/ or data/weights/.

These rules are local because compute nodes often have no network. A transfer ends after the `runtime` of its rule, and the
next one goes on where it ended. docs/scale.md says how to copy weights by hand.
"""

DOWNLOADS = checked(weights.read_downloads, Path(in_project("config/downloads.txt")))


localrules:
    download,
    download_weights,


rule download:
    """We download a revision of a model hub's repository: safetensors, configuration and vocabularies, no pickles."""
    output:
        "data/hub/{owner}/{name}/{revision}.json",
    log:
        "data/hub/logs/{owner}.{name}.{revision}.log",
    benchmark:
        "data/hub/logs/{owner}.{name}.{revision}.tsv"
    wildcard_constraints:
        owner=r"[\w.-]+",
        name=r"[\w.-]+",
        revision="[0-9a-f]{40}",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    shell:
        r"""
        python -m workflow_scripts.steps.download \
            --output {output:q} \
            --minutes {resources.runtime} \
            > {log:q} 2>&1
        """


rule download_weights:
    """We download a file of weights from the URL in config/downloads.txt."""
    output:
        "data/weights/{file}",
    log:
        "data/weights/logs/{file}.log",
    benchmark:
        "data/weights/logs/{file}.tsv"
    wildcard_constraints:
        file=one_of(DOWNLOADS),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        url=lambda wildcards: DOWNLOADS[wildcards.file].url,
        sha256=lambda wildcards: DOWNLOADS[wildcards.file].sha256 or "-",
        largest_mb=lambda wildcards: DOWNLOADS[wildcards.file].largest_mb,
    shell:
        r"""
        python -m workflow_scripts.steps.download_weights \
            --url {params.url:q} \
            --sha256 {params.sha256:q} \
            --largest-mb {params.largest_mb} \
            --minutes {resources.runtime} \
            --output {output:q} \
            > {log:q} 2>&1
        """

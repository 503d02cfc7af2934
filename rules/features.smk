"""Features: every image as the frozen encoders, F_base, see it (paper section 3).

Reads parquet files of images; writes one safetensors file for each of them, or for each shard of samples.
"""


rule embed_exemplars:
    """We extract the features of the exemplars."""
    input:
        images="results/{study}/exemplars/{case}.parquet",
        weights=encoder_weights,
    output:
        "results/{study}/features/{encoder}/exemplars/{case}.safetensors",
    log:
        "results/{study}/logs/embed/{encoder}.exemplars.{case}.log",
    benchmark:
        "results/{study}/benchmarks/embed/{encoder}.exemplars.{case}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("embed_exemplars", 6000),
        runtime=growing(240),
        gpu=1,
        size=images_to_embed,
    params:
        settings=settings("embed_exemplars", "encoder"),
    shell:
        r"""
        python -m workflow_scripts.steps.embed \
            --encoder {wildcards.encoder:q} \
            --exemplars {input.images:q} \
            --output {output:q} \
            --threads {threads} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


use rule embed_exemplars as embed_distractors with:
    input:
        images="results/{study}/exemplars/distractors.parquet",
        weights=encoder_weights,
    output:
        "results/{study}/features/{encoder}/distractors.safetensors",
    log:
        "results/{study}/logs/embed/{encoder}.distractors.log",
    benchmark:
        "results/{study}/benchmarks/embed/{encoder}.distractors.tsv"


rule embed_samples:
    """We extract the features of a shard's samples."""
    input:
        samples="results/{study}/samples/{case}/{shard}.json",
        weights=encoder_weights,
    output:
        "results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors",
    log:
        "results/{study}/logs/embed/{encoder}.samples.{case}.{shard}.log",
    benchmark:
        "results/{study}/benchmarks/embed/{encoder}.samples.{case}.{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("embed_samples", 6000),
        runtime=growing(240),
        gpu=1,
        size=images_of_shard,
    params:
        settings=settings("embed_samples", "encoder"),
    shell:
        r"""
        python -m workflow_scripts.steps.embed \
            --encoder {wildcards.encoder:q} \
            --samples {input.samples:q} \
            --output {output:q} \
            --threads {threads} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule features:
    """Milestone: every image has its features."""
    input:
        over_study("results/{study}/features/{encoder}/exemplars/{case}.safetensors"),
        over_study("results/{study}/features/{encoder}/distractors.safetensors"),
        over_study("results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors"),

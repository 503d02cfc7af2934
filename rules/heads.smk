"""Heads: two maps, for exemplars and for samples, learned so that a sample lies near what influenced it (paper section 3).

Reads features of the train and val splits; writes for each encoder, head and training set the maps and their calibration.
"""


rule train_head:
    """We train the head contrastively (NT-Xent, both ways) on pairs of exemplar and sample, and select it on val."""
    input:
        exemplars=over_cases("results/{study}/exemplars/{case}.parquet"),
        exemplar_features=over_cases("results/{study}/features/{encoder}/exemplars/{case}.safetensors"),
        sample_manifests=over_shards("results/{study}/samples/{case}/{shard}.json", "train", "val"),
        sample_features=over_shards(
            "results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors", "train", "val"
        ),
    output:
        head="results/{study}/heads/{encoder}/{head}/{training_set}.safetensors",
        history="results/{study}/heads/{encoder}/{head}/{training_set}.history.csv",
    log:
        "results/{study}/logs/train_head/{encoder}.{head}.{training_set}.log",
    benchmark:
        "results/{study}/benchmarks/train_head/{encoder}.{head}.{training_set}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("train_head", 8000),
        runtime=growing(240),
        size=images_to_learn,
    params:
        settings=settings("train_head", "encoder", "head", "training_set"),
    shell:
        r"""
        python -m workflow_scripts.steps.train_head \
            --exemplars {input.exemplars:q} \
            --exemplar-features {input.exemplar_features:q} \
            --sample-manifests {input.sample_manifests:q} \
            --sample-features {input.sample_features:q} \
            --output {output.head:q} \
            --history {output.history:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule calibrate:
    """We fit tau and lambda on val: they turn similarities into influence (KL divergence, paper section 3)."""
    input:
        exemplars=over_cases("results/{study}/exemplars/{case}.parquet"),
        exemplar_features=over_cases("results/{study}/features/{encoder}/exemplars/{case}.safetensors"),
        sample_manifests=over_shards("results/{study}/samples/{case}/{shard}.json", "val"),
        sample_features=over_shards("results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors", "val"),
        distractor_features="results/{study}/features/{encoder}/distractors.safetensors",
        head="results/{study}/heads/{encoder}/{head}/{training_set}.safetensors",
    output:
        "results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json",
    log:
        "results/{study}/logs/calibrate/{encoder}.{head}.{training_set}.log",
    benchmark:
        "results/{study}/benchmarks/calibrate/{encoder}.{head}.{training_set}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("calibrate", 8000),
        runtime=growing(240),
        size=images_of("val"),
    params:
        settings=settings("calibrate", "encoder", "head", "training_set"),
    shell:
        r"""
        python -m workflow_scripts.steps.calibrate \
            --exemplars {input.exemplars:q} \
            --exemplar-features {input.exemplar_features:q} \
            --sample-manifests {input.sample_manifests:q} \
            --sample-features {input.sample_features:q} \
            --distractor-features {input.distractor_features:q} \
            --head {input.head:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule heads:
    """Milestone: all heads are learned and calibrated."""
    input:
        over_heads("results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json"),

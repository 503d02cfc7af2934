"""Evaluation: does a method rank the exemplar first among the distractors? (paper section 5)

Reads features, heads and calibrations; writes for each head and case the scores of every sample, and for each head its
metrics in every cell (case and prompt set).
"""


rule attribute:
    """We rank each sample's own exemplars among all distractors and turn the similarities into influence."""
    input:
        exemplars=over_study("results/{study}/exemplars/{case}.parquet"),
        exemplar_features=every_case("results/{study}/features/{encoder}/exemplars/{case}.safetensors"),
        distractors="results/{study}/exemplars/distractors.parquet",
        distractor_features="results/{study}/features/{encoder}/distractors.safetensors",
        sample_manifests=over_shards("results/{study}/samples/{case}/{shard}.json", *config["evaluation"]["splits"]),
        sample_features=over_shards(
            "results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors", *config["evaluation"]["splits"]
        ),
        head="results/{study}/heads/{encoder}/{head}/{training_set}.safetensors",
        calibration="results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json",
    output:
        "results/{study}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet",
    log:
        "results/{study}/logs/attribute/{method}.{encoder}.{head}.{training_set}.{case}.log",
    benchmark:
        "results/{study}/benchmarks/attribute/{method}.{encoder}.{head}.{training_set}.{case}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("attribute", 8000),
        runtime=growing(120),
        size=images_of(*config["evaluation"]["splits"]),
    params:
        settings=settings("attribute", "method", "encoder", "head", "training_set", "case"),
    shell:
        r"""
        python -m workflow_scripts.steps.attribute \
            --exemplars {input.exemplars:q} \
            --exemplar-features {input.exemplar_features:q} \
            --distractors {input.distractors:q} \
            --distractor-features {input.distractor_features:q} \
            --sample-manifests {input.sample_manifests:q} \
            --sample-features {input.sample_features:q} \
            --head {input.head:q} \
            --calibration {input.calibration:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule evaluate:
    """We measure Recall@K and mAP, with intervals over models, and compare with the encoder before learning."""
    input:
        scores=every_case(
            "results/{study}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet", STUDY.test_cases
        ),
        untuned=untuned_scores,
        whole=whole_scores,
    output:
        "results/{study}/metrics/{method}/{encoder}/{head}/{training_set}.json",
    log:
        "results/{study}/logs/evaluate/{method}.{encoder}.{head}.{training_set}.log",
    benchmark:
        "results/{study}/benchmarks/evaluate/{method}.{encoder}.{head}.{training_set}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate", 4000),
        runtime=growing(60),
        size=STUDY.count_images(STUDY.test_cases, config["evaluation"]["splits"]),
    params:
        settings=settings("evaluate", "method", "encoder", "head", "training_set"),
    shell:
        r"""
        python -m workflow_scripts.steps.evaluate \
            --scores {input.scores:q} \
            --untuned {input.untuned:q} \
            --whole {input.whole:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule scores:
    """Milestone: every sample is attributed by every method."""
    input:
        over_heads("results/{study}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet"),


rule metrics:
    """Milestone: every cell is measured."""
    input:
        over_heads("results/{study}/metrics/{method}/{encoder}/{head}/{training_set}.json"),

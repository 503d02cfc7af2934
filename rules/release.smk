"""The authors' released test set, evaluated as it is: docs/release.md. Only in studies with `release`.

Reads the release's folder; its images are no inputs, so that a study can be planned before they are there. Writes
exemplars, samples, features of distractors and heads where the rules of other studies write theirs.
"""


ruleorder: import_exemplars > select_exemplars
ruleorder: import_distractors > select_distractors
ruleorder: import_features > embed_distractors


localrules:
    list_missing,


rule import_exemplars:
    """We take the exemplars that the authors released."""
    output:
        "results/{study}/exemplars/{case}.parquet",
    log:
        "results/{study}/logs/import_exemplars/{case}.log",
    benchmark:
        "results/{study}/benchmarks/import_exemplars/{case}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_exemplars", 4000),
        runtime=growing(60),
        size=models_of_case,
    params:
        release=config["release"]["path"],
        settings=settings("import_exemplars", "case"),
    shell:
        r"""
        python -m workflow_scripts.steps.import_exemplars \
            --release {params.release:q} \
            --output {output:q} \
            --settings - \
            <<< {params.settings:q} \
            > {log:q} 2>&1
        """


rule import_samples:
    """We take the samples that the authors released of a shard's models (paper section 4.1)."""
    output:
        "results/{study}/samples/{case}/{shard}.json",
    log:
        "results/{study}/logs/import_samples/{case}.{shard}.log",
    benchmark:
        "results/{study}/benchmarks/import_samples/{case}.{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_samples", 4000),
        runtime=growing(120),
        size=images_of_shard,
    params:
        release=config["release"]["path"],
        settings=settings("import_samples", "case", "shard"),
    shell:
        r"""
        python -m workflow_scripts.steps.import_samples \
            --release {params.release:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule import_distractors:
    """We list the LAION images whose features the authors released, and take the images if an encoder has none."""
    output:
        "results/{study}/exemplars/distractors.parquet",
    log:
        "results/{study}/logs/import_distractors.log",
    benchmark:
        "results/{study}/benchmarks/import_distractors.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_distractors", 8000),
        runtime=growing(60),
        size=config["distractors"]["count"],
    params:
        features=os.path.join(
            config["release"]["path"], next(iter(config["release"]["encoders"].values()))["distractors"]
        ),
        release=config["release"]["path"],
        settings=settings("import_distractors"),
    shell:
        r"""
        python -m workflow_scripts.steps.import_distractors \
            --features {params.features:q} \
            --release {params.release:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule import_features:
    """We take the features of the LAION images that the authors released; rule embed_distractors makes those of others."""
    input:
        distractors="results/{study}/exemplars/distractors.parquet",
    output:
        "results/{study}/features/{encoder}/distractors.safetensors",
    log:
        "results/{study}/logs/import_features/{encoder}.distractors.log",
    benchmark:
        "results/{study}/benchmarks/import_features/{encoder}.distractors.tsv"
    wildcard_constraints:
        encoder=one_of(config["release"]["encoders"]),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_features", 8000),
        runtime=growing(60),
        size=config["distractors"]["count"],
    params:
        features=released("distractors"),
        settings=settings("import_features", "encoder"),
    shell:
        r"""
        python -m workflow_scripts.steps.import_features \
            --features {params.features:q} \
            --distractors {input.distractors:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule import_head:
    """We take the maps and the calibration that the authors released; untuned features need none."""
    output:
        head="results/{study}/heads/{encoder}/{head}/{training_set}.safetensors",
        history="results/{study}/heads/{encoder}/{head}/{training_set}.history.csv",
        calibration="results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json",
    log:
        "results/{study}/logs/import_head/{encoder}.{head}.{training_set}.log",
    benchmark:
        "results/{study}/benchmarks/import_head/{encoder}.{head}.{training_set}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_head", 4000),
        runtime=growing(20),
    params:
        mapper=released("mapper"),
        calibrator=released("calibrator"),
        settings=settings("import_head", "encoder", "head", "training_set"),
    shell:
        r"""
        python -m workflow_scripts.steps.import_head \
            --mapper {params.mapper:q} \
            --calibrator {params.calibrator:q} \
            --output {output.head:q} \
            --history {output.history:q} \
            --calibration {output.calibration:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule list_missing:
    """We list the released images that were missing."""
    input:
        exemplars=over_study("results/{study}/exemplars/{case}.parquet"),
        samples=over_study("results/{study}/samples/{case}/{shard}.json"),
    output:
        "results/{study}/report/missing.json",
    log:
        "results/{study}/logs/list_missing.log",
    benchmark:
        "results/{study}/benchmarks/list_missing.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        settings=settings("list_missing"),
    shell:
        r"""
        python -m workflow_scripts.steps.list_missing \
            --exemplars {input.exemplars:q} \
            --samples {input.samples:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule samples:
    """Milestone: all samples are imported."""
    input:
        over_study("results/{study}/samples/{case}/{shard}.json"),


rule heads:
    """Milestone: all heads are imported, with their calibration."""
    input:
        over_heads("results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json"),

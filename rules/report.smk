"""Report: tables, figures and a page of pictures, each made from metrics and scores by a rule.

Files for people have no place for provenance, so a rule writes it beside them, as its first output.

`snakemake --report report.html` collects the files that are marked with report(), with their captions.
"""

SCORES = "results/{study}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet"


report: "../report/workflow.rst"


localrules:
    tabulate,
    plot,
    gallery,
    dataset_table,
    rulegraph,
    index,
    publish,


rule tabulate:
    """We gather the metrics of all cells in one table."""
    input:
        metrics=over_heads("results/{study}/metrics/{method}/{encoder}/{head}/{training_set}.json"),
        calibrations=over_heads("results/{study}/heads/{encoder}/{head}/{training_set}.calibration.json"),
    output:
        provenance="results/{study}/report/provenance/tabulate.json",
        tables=report(
            expand("results/{{study}}/report/tables/{table}.csv", table=TABLES),
            caption="../report/tables.rst",
            category="Results",
        ),
        csv=report("results/{study}/report/table.csv", caption="../report/table.rst", category="Results"),
        markdown="results/{study}/report/table.md",
        summaries=summaries("results/{{study}}/report/summary/{method}.{encoder}.{head}.json"),
    log:
        "results/{study}/logs/tabulate.log",
    benchmark:
        "results/{study}/benchmarks/tabulate.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        tables=lambda wildcards, output: os.path.dirname(output.tables[0]),
        summary=lambda wildcards, output: os.path.dirname(output.summaries[0]),
        settings=settings("tabulate"),
    shell:
        r"""
        python -m workflow_scripts.steps.tabulate \
            --metrics {input.metrics:q} \
            --calibrations {input.calibrations:q} \
            --output {output.csv:q} \
            --markdown {output.markdown:q} \
            --tables {params.tables:q} \
            --summary {params.summary:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule plot:
    """We draw a figure for each question, for calibration, and for the training of each head."""
    input:
        table="results/{study}/report/table.csv",
        metrics=over_heads("results/{study}/metrics/{method}/{encoder}/{head}/{training_set}.json"),
        histories=shown_heads("results/{study}/heads/{encoder}/{head}/{training_set}.history.csv"),
    output:
        provenance="results/{study}/report/provenance/plot.json",
        figures=report(
            expand("results/{{study}}/report/figures/{figure}.svg", figure=FIGURES),
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        "results/{study}/logs/plot.log",
    benchmark:
        "results/{study}/benchmarks/plot.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        folder=lambda wildcards, output: os.path.dirname(output.figures[0]),
        settings=settings("plot"),
    shell:
        r"""
        python -m workflow_scripts.steps.plot \
            --table {input.table:q} \
            --metrics {input.metrics:q} \
            --histories {input.histories:q} \
            --output-dir {params.folder:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule gallery:
    """We show samples beside the images that influenced them by each encoder, untuned and tuned, and their origin."""
    input:
        exemplars=over_study("results/{study}/exemplars/{case}.parquet", ["test"]),
        distractors="results/{study}/exemplars/distractors.parquet",
        models=[] if STUDY.is_released else over_study("results/{study}/models/{case}/{shard}.json", ["test"]),
        sample_manifests=over_study("results/{study}/samples/{case}/{shard}.json", ["test"]),
        untuned=over_heads(
            SCORES,
            encoder=Shown.of(STUDY).encoders,
            head=UNTUNED,
            training_set=STUDY.untuned_set,
        ),
        tuned=shown_heads(SCORES, encoder=Shown.of(STUDY).encoders),
    output:
        provenance="results/{study}/report/provenance/gallery.json",
        page=report("results/{study}/report/gallery.html", caption="../report/gallery.rst", category="Pictures"),
    log:
        "results/{study}/logs/gallery.log",
    benchmark:
        "results/{study}/benchmarks/gallery.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("gallery", 4000),
        runtime=growing(20),
    params:
        settings=settings("gallery"),
    shell:
        r"""
        python -m workflow_scripts.steps.gallery \
            --exemplars {input.exemplars:q} \
            --distractors {input.distractors:q} \
            --sample-manifests {input.sample_manifests:q} \
            --untuned {input.untuned:q} \
            --tuned {input.tuned:q} \
            --models {input.models:q} \
            --output {output.page:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule dataset_table:
    """We count models, exemplars, prompts and samples, as the paper's tables of its dataset do."""
    input:
        exemplars=over_study("results/{study}/exemplars/{case}.parquet"),
    output:
        provenance="results/{study}/report/provenance/dataset_table.json",
        table=report("results/{study}/report/tables/dataset.csv", caption="../report/dataset.rst", category="Results"),
    log:
        "results/{study}/logs/dataset_table.log",
    benchmark:
        "results/{study}/benchmarks/dataset_table.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        settings=settings("dataset_table"),
    shell:
        r"""
        python -m workflow_scripts.steps.dataset_table \
            --exemplars {input.exemplars:q} \
            --output {output.table:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule rulegraph:
    """We draw the rules and which rule needs which."""
    input:
        snakefile=in_project("Snakefile"),
        rules=[in_project(f"rules/{file.name}") for file in sorted(Path(workflow.basedir, "rules").glob("*.smk"))],
    output:
        provenance="results/{study}/report/provenance/rulegraph.json",
        graph=report("results/{study}/report/rulegraph.svg", caption="../report/rulegraph.rst", category="Rules"),
    log:
        "results/{study}/logs/rulegraph.log",
    benchmark:
        "results/{study}/benchmarks/rulegraph.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        settings=settings("rulegraph"),
    shell:
        r"""
        python -m workflow_scripts.steps.rulegraph \
            --snakefile {input.snakefile:q} \
            --rules {input.rules:q} \
            --output {output.graph:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule index:
    """We put the finding, tables, figures and the artists' licences on a front page."""
    input:
        table="results/{study}/report/table.csv",
        tables=expand("results/{{study}}/report/tables/{table}.csv", table=[*TABLES, "dataset"]),
        figures=expand("results/{{study}}/report/figures/{figure}.svg", figure=FIGURES),
        exemplars=expand("results/{{study}}/exemplars/{case}.parquet", case=seen(STUDY)),
        gallery="results/{study}/report/gallery.html",
        rulegraph="results/{study}/report/rulegraph.svg",
        attribution=attribution,
    output:
        provenance="results/{study}/report/provenance/index.json",
        page=report("results/{study}/report/index.html", caption="../report/index.rst", category="Results"),
    log:
        "results/{study}/logs/index.log",
    benchmark:
        "results/{study}/benchmarks/index.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        settings=settings("index"),
    shell:
        r"""
        python -m workflow_scripts.steps.index \
            --table {input.table:q} \
            --tables {input.tables:q} \
            --figures {input.figures:q} \
            --exemplars {input.exemplars:q} \
            --gallery {input.gallery:q} \
            --rulegraph {input.rulegraph:q} \
            --attribution {input.attribution:q} \
            --output {output.page:q} \
            --provenance {output.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


# Every file, so that one that is gone is made again: of a rule's outputs, Snakemake misses only those that are asked for.
MAKERS = [rules.tabulate, rules.plot, rules.gallery, rules.dataset_table, rules.rulegraph, rules.index]
MAKERS += [rules.list_missing] if STUDY.is_released else []
REPORT = [file.format(study=STUDY.name) for maker in MAKERS for file in maker.output]


rule report:
    """Milestone: the report is complete."""
    input:
        REPORT,


rule measure_gates:
    """We measure whether the data and the prompts can tell anything, before anything is trained on them."""
    input:
        weights=weights_of_encoders,
        exemplars=over_study("results/{study}/exemplars/{case}.parquet", kind="object"),
        distractors=f"results/{STUDY.name}/exemplars/distractors.parquet",
        drawings=drawings,
    output:
        "docs/gates.json",
    log:
        f"results/{STUDY.name}/logs/measure_gates.log",
    benchmark:
        "build/benchmarks/measure_gates.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings("measure_gates"),
    shell:
        r"""
        python -m workflow_scripts.steps.measure_gates \
            --drawings {input.drawings:q} \
            --exemplars {input.exemplars:q} \
            --distractors {input.distractors:q} \
            --weights {input.weights:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule measure_customizability:
    """We measure whether samples of plain prompts resemble exemplars of val; docs/ shows the figures."""
    input:
        base_model=base_model_files,
        weights=weights_of_encoders,
        models=over_study("results/{study}/models/{case}/{shard}.json", ["val"], "object"),
        exemplars=over_study("results/{study}/exemplars/{case}.parquet", ["val"], "object"),
        distractors=f"results/{STUDY.name}/exemplars/distractors.parquet",
        drawings=drawings,
        prompts=in_project("config/prompts/customizability.txt"),
    output:
        figures="docs/customizability.json",
        picture="docs/customized.png",
    log:
        f"results/{STUDY.name}/logs/measure_customizability.log",
    benchmark:
        "build/benchmarks/measure_customizability.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        base_model=base_model_folder,
        settings=settings("measure_customizability"),
    shell:
        r"""
        python -m workflow_scripts.steps.measure_customizability \
            --base-model {params.base_model:q} \
            --models {input.models:q} \
            --exemplars {input.exemplars:q} \
            --distractors {input.distractors:q} \
            --drawings {input.drawings:q} \
            --prompts {input.prompts:q} \
            --output {output.figures:q} \
            --picture {output.picture:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule publish:
    """Run by its name: puts a study's results into the README and docs/."""
    input:
        table=f"results/{STUDY.name}/report/table.csv",
        calibrations=f"results/{STUDY.name}/report/tables/calibration.csv",
        exemplars=expand(f"results/{STUDY.name}/exemplars/{{case}}.parquet", case=seen(STUDY)),
        quality=in_project("docs/base_model.json"),
        customizability="docs/customizability.json",
        gates="docs/gates.json",
        samples=over_study("results/{study}/samples/{case}/{shard}.json"),
    log:
        f"results/{STUDY.name}/logs/publish.log",
    conda:
        "../envs/environment.yaml"
    params:
        readme=in_project("README.md"),
        base_model_page=in_project("docs/base_model.md"),
        provenance=in_project("docs/published.json"),
        benchmarks=f"results/{STUDY.name}/benchmarks",
        settings=settings("publish"),
    shell:
        r"""
        python -m workflow_scripts.steps.publish \
            --table {input.table:q} \
            --calibrations {input.calibrations:q} \
            --exemplars {input.exemplars:q} \
            --quality {input.quality:q} \
            --customizability {input.customizability:q} \
            --gates {input.gates:q} \
            --samples {input.samples:q} \
            --benchmarks {params.benchmarks:q} \
            --readme {params.readme:q} \
            --base-model-page {params.base_model_page:q} \
            --provenance {params.provenance:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule measure_low_rank:
    """Run by its name: measures what is lost when customized models are compressed; docs/ shows the figures."""
    input:
        base_model=base_model_files,
        models=over_study("results/{study}/models/{case}/{shard}.json", ["test"]),
    output:
        figures="docs/low_rank.json",
        page="docs/low_rank.md",
    log:
        f"results/{STUDY.name}/logs/measure_low_rank.log",
    benchmark:
        "build/benchmarks/measure_low_rank.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        base_model=base_model_folder,
        settings=settings("measure_low_rank"),
    shell:
        r"""
        python -m workflow_scripts.steps.measure_low_rank \
            --base-model {params.base_model:q} \
            --models {input.models:q} \
            --output {output.figures:q} \
            --page {output.page:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """

"""The input files of rules, and how much their jobs have to do, as functions. Paths are patterns, as in the rules."""


def source_of(section):
    """The folder from which a source of images reads."""
    return section.get("path") or config["corpus"]["path"]


def corpus_of(section):
    """The files that a source of images chooses from, if it is the corpus."""
    return [] if "path" in section else [f"{source_of(section)}/{file}.parquet" for file in ("drawings", "twins")]


def source_of_case(wildcards):
    return source_of(config["cases"][wildcards.case])


def corpus_of_case(wildcards):
    return corpus_of(config["cases"][wildcards.case])


def source_of_distractors(wildcards):
    return source_of(config["distractors"])


def drawings(wildcards):
    """The drawings of the corpus."""
    return f"{config['corpus']['path']}/drawings.parquet"


def attribution(wildcards):
    """The file that says whose images a study shows: that of the corpus, or else the file beside the study."""
    if "corpus" in config:
        return f"{config['corpus']['path']}/ATTRIBUTION.md"
    return in_project(f"config/studies/{STUDY.name}.attribution.md")


def corpus_lists():
    """The lists of drawings that are held out from pre-training."""
    corpus = PRETRAINING["corpus"]
    return list(map(in_project, [corpus["vocabulary"], *corpus["object_classes"], *corpus["style_groups"]]))


def base_model_files(wildcards):
    """The files of the base model, or its manifest. A function, because a study may have no base model."""
    if "base_model" not in config:
        sys.exit(f"error: the study {STUDY.name!r} has no base model, so nothing can be made with it")
    return weights.needed(config["base_model"]["path"])


def base_model_folder(wildcards):
    """The folder of the base model."""
    return config["base_model"]["path"]


def encoder_weights(wildcards):
    """The weights of an encoder that reads them from a path; the weights of other encoders are in a package."""
    path = config["encoders"][wildcards.encoder].get("path")
    return weights.needed(path) if path else []


def weights_of_encoders(wildcards):
    """The weights of all encoders that read them from a path."""
    paths = [section["path"] for section in config["encoders"].values() if section.get("path")]
    return list(dict.fromkeys(itertools.chain(*map(weights.needed, paths))))


def released(kind):
    """A released file of an encoder; none for the untuned head, or where the study says null or does not name it."""

    def file(wildcards):
        name = config["release"]["encoders"].get(wildcards.encoder, {}).get(kind)
        return os.path.join(config["release"]["path"], name) if name and wildcards.get("head") != UNTUNED else []

    return file


def words_of_block(wildcards):
    """The number of class words in a block of regularization."""
    return len(STUDY.blocks[wildcards.block])


def models_of_case(wildcards):
    """The number of models of a case."""
    return sum(map(len, STUDY.cases[wildcards.case].models.values()))


def images_to_embed(wildcards):
    """The number of images in a file: of exemplars, counted as the models of their case, or of distractors."""
    return models_of_case(wildcards) if "case" in wildcards.keys() else config["distractors"]["count"]


def models_of_shard(wildcards):
    """The number of models of a shard."""
    return len(STUDY.shard(wildcards.case, wildcards.shard))


def images_of_shard(wildcards):
    """The number of samples of a shard."""
    models = STUDY.shard(wildcards.case, wildcards.shard)
    return len(models) * STUDY.images(wildcards.case, models[0].split)


def images_of(*splits):
    """The number of samples of these splits, of the cases of the job."""
    return lambda wildcards: STUDY.count_images(cases_of(wildcards), splits)


def images_to_learn(wildcards):
    """The number of samples that a head learns on, and of those of val that select it."""
    cases, share = cases_of(wildcards), STUDY.training_sets[wildcards.training_set].share
    return round(share * STUDY.count_images(cases, ["train"])) + STUDY.count_images(cases, ["val"])


def over_cases(pattern):
    """The file of each case of the job: its own, or those of its training set."""
    return lambda wildcards: [fill(pattern, wildcards, case=case) for case in cases_of(wildcards)]


def over_shards(pattern, *splits):
    """The file of each shard of these splits, for each case of the job."""
    return lambda wildcards: [
        fill(pattern, wildcards, case=case, shard=shard)
        for case in cases_of(wildcards)
        for split in splits
        for shard in STUDY.shards(case, split)
    ]


def over_blocks(pattern):
    """The file of each block of regularization that the models of a shard need."""
    return lambda wildcards: [
        fill(pattern, wildcards, block=block) for block in STUDY.blocks_of(wildcards.case, wildcards.shard)
    ]


def over_study(pattern, splits=SPLITS, kind=None):
    """Every file of the study, or of one kind of cases, for a pattern with `case`, `shard` or `encoder`."""
    return sorted(
        {
            pattern.format(study=STUDY.name, case=case, shard=shard, encoder=encoder)
            for case in STUDY.cases
            if kind in (None, STUDY.cases[case].kind)
            for split in splits
            for shard in STUDY.shards(case, split)
            for encoder in config["encoders"]
        }
    )


def over_heads(pattern, **fixed):
    """Every file of the fitted heads for a pattern, by method, encoder, head, training set and case."""
    names = {"study": STUDY.name, "method": config["methods"], "case": STUDY.test_cases}
    heads = [{"head": head, "training_set": training_set} | fixed for head, training_set in STUDY.fitted]
    files = [expand(pattern, **{**names, "encoder": STUDY.encoders_of(own["head"]), **own}) for own in heads]
    return list(dict.fromkeys(itertools.chain(*files)))


def summaries(pattern):
    """The summary of each head of which there is one, by method and encoder."""
    heads = [{"head": head, "encoder": STUDY.encoders_of(head)} for head in summarized(STUDY)]
    return list(itertools.chain(*(expand(pattern, method=config["methods"], **own) for own in heads)))


def shown_heads(pattern, **fixed):
    """The files of the learned head that the report compares, for every method and encoder; none if none is learned."""
    shown = Shown.of(STUDY)
    return over_heads(pattern, head=shown.head, training_set=shown.training_set, **fixed) if shown.head else []


def untuned_scores(wildcards):
    """The scores of all cases without a learned head, for comparison with one."""
    if wildcards.head == UNTUNED:
        return []
    return scores_of(wildcards, head=UNTUNED, training_set=STUDY.untuned_set)


def whole_scores(wildcards):
    """The scores of all cases with the head that is learned on all train models, for one that is learned on a share."""
    training_set = STUDY.whole_set(wildcards.head, wildcards.training_set)
    return scores_of(wildcards, training_set=training_set) if training_set else []


def scores_of(wildcards, **head):
    """The scores of all cases with a head."""
    pattern = "results/{study}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet"
    return [fill(pattern, wildcards, case=case, **head) for case in STUDY.test_cases]


def every_case(pattern, cases=None):
    """The file of every case of the study, or of these."""
    return lambda wildcards: [fill(pattern, wildcards, case=case) for case in cases or sorted(STUDY.cases)]


def cases_of(wildcards):
    """The case of a job, or the cases of its training set."""
    return [wildcards.case] if "case" in wildcards.keys() else STUDY.training_sets[wildcards.training_set].cases


def fill(pattern, wildcards, **more):
    """A pattern, filled in with the wildcards of the job and with more values."""
    return pattern.format(**{**dict(wildcards.items()), **more})

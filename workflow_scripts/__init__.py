"""Attribution by Customization: ground truth, features and scores for data attribution of text-to-image models.

Where to look, in the order of the data flow:

    study               what a study is: schema, checks, settings of each rule, names of files
    exemplar_sources    plug-ins: where exemplars and distractors come from
    base_models         plug-ins: text-to-image models;  customization: how they learn an exemplar, many in one bank
    ground_truth        customized models and their samples, shard by shard;  release: those of the authors
    encoders, heads     plug-ins: frozen features, and learned maps on them;  methods: plug-ins that rank and weigh
    evaluation          features of images, ranking, calibration, intervals, cells
    reporting           tables, figures, gallery, front page
    operations          the list of jobs, progress, costs, integrity, repair, SLURM
    miniature, inputs   how the miniature's corpus and weights are made;  downloads, captions, WordNet
    steps, commands     one command line per rule, and those for people: python -m workflow_scripts
    artifacts           file formats, provenance, hashes;  cli, devices, locks, plugins, seeds: what all of them use
"""

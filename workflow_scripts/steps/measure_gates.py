"""Measures the gates of the miniature that need no base model, see workflow_scripts/miniature/gates.py.

Writes how well exemplars can be told from distractors, by encoder, and Recall@10 of a perfect generator, by prompt.

Example:
    python -m workflow_scripts.steps.measure_gates --drawings data/corpus/drawings.parquet \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --distractors results/miniature/exemplars/distractors.parquet --output docs/gates.json \\
        --settings '{"seed": 0, "encoders": {"pixels": {"size": 16, "version": 1}}, "prompts": [...]}'
"""

import numpy as np

from workflow_scripts import artifacts, cli, devices
from workflow_scripts.encoders import encode_images
from workflow_scripts.miniature import customizability, gates
from workflow_scripts.study.settings.measures import MeasureGatesSettings


@cli.command_line(
    MeasureGatesSettings,
    drawings=cli.file("parquet file of the corpus"),
    exemplars=cli.files("parquet files of cases of objects"),
    distractors=cli.file("parquet file"),
    weights=cli.files("weights of the encoders", required=False),
    output=cli.file("JSON file of figures"),
)
def main(args: cli.Args, settings: MeasureGatesSettings) -> None:
    inputs = {"drawings": args.drawings, "distractors": args.distractors}
    inputs |= {str(file): file for file in (*args.exemplars, *args.weights)}
    provenance = artifacts.make_provenance(settings.to_json(), inputs)
    devices.set_up()
    columns = ["source", "class", "split", "image"]
    exemplars = [row for file in args.exemplars for _, row in artifacts.read_table(file, columns).iterrows()]
    distractors = artifacts.read_table(args.distractors, ["class", "image"])
    drawings = artifacts.read_table(args.drawings, ["id", "image"]).set_index("id").image
    val = [i for i, row in enumerate(exemplars) if row.split == "val"]
    names = [exemplars[i].source for i in val]
    samples = gates.perfect_samples(drawings[names], [prompt.template for prompt in settings.prompts], settings.seed)
    classes = [row["class"] for row in exemplars]
    same = np.flatnonzero(distractors["class"].isin(classes))  # the hard distractors
    probe, prompts = {}, [{**prompt.to_json(), "n": len(val), "encoders": {}} for prompt in settings.prompts]
    for name, encoder in customizability.load_encoders(settings.encoders).items():
        own = encode_images(encoder, customizability.decode([row.image for row in exemplars]))
        others = encode_images(encoder, customizability.decode(distractors.image))
        all_classes = [*classes, *distractors["class"].iloc[same]]
        sizes = {"exemplars": len(own), "distractors": len(same)}
        probe[name] = sizes | gates.tell_apart(own, others[same], all_classes, settings.seed)
        perfect = encode_images(encoder, samples.reshape(-1, *samples.shape[2:])).reshape(*samples.shape[:2], -1)
        for prompt, found in zip(prompts, gates.find_again(perfect, own[val], others, settings.seed), strict=True):
            prompt["encoders"][name] = found
        cli.log.info("%s: %s", name, probe[name])
    figures = {"probe": probe, "prompts": prompts, artifacts.PROVENANCE: provenance}
    artifacts.write_json(args.output, figures, sidecar=False)

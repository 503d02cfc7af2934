"""Measures the base model: reconstruction, recognisability, prompt-following; writes figures and a grid of samples.

Example:
    python -m workflow_scripts.steps.measure_base_model --base-model data/base_model \\
        --drawings data/corpus/drawings.parquet --vocabulary config/classes/vocabulary.txt \\
        --output docs/base_model.json --grid docs/base_model.png --settings '{"seed": 0, "samples": 2, ...}'
"""

from random import Random

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.encoders import efficientnet_lite0, encode_images
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.miniature.pretraining import quality
from workflow_scripts.miniature.pretraining.autoencoder import psnr
from workflow_scripts.miniature.pretraining.denoiser import sample_images
from workflow_scripts.miniature.pretraining.pools import known_drawings, unlabelled_pool
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_list

QUESTIONS = {
    "concept": quality.any_background,
    "background": quality.named_background,
    "size": quality.named_size,
    "medium": quality.named_medium,
}
GRID = (8, 16)  # rows and columns of the picture of samples


@cli.command_line(
    dict,
    base_model=cli.file(),
    drawings=cli.file(),
    vocabulary=cli.file("list of concepts with their class words"),
    output=cli.file("JSON file of figures"),
    grid=cli.file("PNG file of samples"),
)
def main(args: cli.Args, settings: dict) -> None:
    inputs = {name: getattr(args, name) for name in ("base_model", "drawings", "vocabulary")}
    provenance = artifacts.make_provenance(settings, inputs)
    seed = settings["seed"]
    base = plugins.load("base_models", "diffusers_sd").load(args.base_model, devices.set_up())
    encoder = efficientnet_lite0.load(efficientnet_lite0.Settings(size=112, precision="auto"))
    drawings, words = artifacts.read_table(args.drawings), read_list(args.vocabulary)
    held_out = drawings[drawings.role == OBJECT]

    pictures = unlabelled_pool(held_out, settings["pictures"], derive_seed(seed, "held-out")).images
    decoded = base.decode(base.encode(pictures)).round().byte().numpy()
    result = {"reconstruction": {"psnr_db": float(psnr(decoded, pictures).mean()), "n": len(pictures)}}
    for question, (prompts, labels) in quality.prompts(words, settings["prompts"], seed).items():
        prompts, labels = prompts * settings["samples"], labels * settings["samples"]
        sampled = sample_images(base, prompts, derive_seed(seed, question), settings["sampling"])
        if question == "concept":
            tiles = sampled[Random(seed).sample(range(len(sampled)), GRID[0] * GRID[1])]  # [n, h, w, 3]
            artifacts.write_png(args.grid, quality.grid(tiles.reshape(*GRID, *tiles.shape[1:])), colours=256)
        compose = QUESTIONS[question]
        views = settings["views"] if question == "concept" else 1  # the others have few classes
        train, names = quality.composed(known_drawings(drawings), views, seed, compose)
        real, truth = quality.composed(held_out, 1, derive_seed(seed, "real"), compose)
        tests = {"samples": (encode_images(encoder, sampled), labels), "real": (encode_images(encoder, real), truth)}
        result[question] = quality.probe(encode_images(encoder, train), names, tests)
        cli.log.info("%s: %s", question, result[question])
    artifacts.write_json(args.output, {**result, artifacts.PROVENANCE: provenance}, sidecar=False)

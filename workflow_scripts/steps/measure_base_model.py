"""Measures the base model: reconstruction, recognisability, prompt-following; writes figures and a grid of samples.

Example:
    python -m workflow_scripts.steps.measure_base_model --base-model data/base_model \\
        --drawings data/corpus/drawings.parquet --vocabulary config/classes/vocabulary.txt \\
        --output docs/base_model.json --grid docs/base_model.png --settings '{"seed": 0, "samples": 2, ...}'
"""

import logging
from pathlib import Path
from random import Random

import numpy as np

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.miniature.pretraining import quality
from workflow_scripts.miniature.pretraining.pools import known_drawings, unlabelled_pool
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_list

log = logging.getLogger("measure_base_model")
QUESTIONS = {
    "concept": quality.any_background,
    "background": quality.named_background,
    "size": quality.named_size,
    "medium": quality.named_medium,
}
GRID = (16, 8)  # columns and rows of the picture of samples


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True)
    parser.add_argument("--drawings", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True, help="list of concepts with their class words")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of figures")
    parser.add_argument("--grid", type=Path, required=True, help="PNG file of samples")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_settings()
    args = parser.parse_args()
    settings, seed = args.settings, args.settings["seed"]

    from workflow_scripts import devices, plugins
    from workflow_scripts.encoders import efficientnet_lite0, encode_images
    from workflow_scripts.miniature.pretraining.autoencoder import psnr
    from workflow_scripts.miniature.pretraining.denoiser import sample_images

    base = plugins.load("base_models", "diffusers_sd").load(args.base_model, devices.set_up(args.threads))
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
            _save_grid(args.grid, sampled, Random(seed))
        compose = QUESTIONS[question]
        views = settings["views"] if question == "concept" else 1  # the others have few classes
        train, names = quality.composed(known_drawings(drawings), views, seed, compose)
        real, truth = quality.composed(held_out, 1, derive_seed(seed, "real"), compose)
        tests = {"samples": (encode_images(encoder, sampled), labels), "real": (encode_images(encoder, real), truth)}
        result[question] = quality.probe(encode_images(encoder, train), names, tests)
        log.info("%s: %s", question, result[question])
    provenance = artifacts.make_provenance(settings, {"base_model": args.base_model, "drawings": args.drawings})
    artifacts.write_json(args.output, {**result, artifacts.PROVENANCE: provenance}, sidecar=False)


def _save_grid(path: Path, images: np.ndarray, random: Random) -> None:
    columns, rows = GRID
    tiles = images[random.sample(range(len(images)), columns * rows)]  # [n, h, w, 3]
    height, width = tiles.shape[1:3]
    grid = tiles.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    artifacts.write_png(path, np.ascontiguousarray(grid).reshape(rows * height, columns * width, 3), colours=256)


if __name__ == "__main__":
    cli.run(main)

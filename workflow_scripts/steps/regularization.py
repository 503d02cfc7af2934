"""Images of class words, made by the base model itself, for the prior preservation of fine-tuning.

Writes one safetensors file: per class word a tensor `{class_word}.latents` [n, c, h, w], scaled as the network takes
them, and in the provenance the n `captions` of each class word.
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, plugins

log = logging.getLogger("regularization")


def fill_captions(templates: list[str], word: str, count: int) -> list[str]:
    """The captions of a class word's images: the templates in turn, with `{class_word}` filled in."""
    return [templates[i % len(templates)].replace("{class_word}", word) for i in range(count)]


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()

    plugins.load("base_models", args.settings["base_model"]["name"]).check(args.base_model)
    from workflow_scripts.ground_truth.class_images import (
        make_latents,  # PyTorch: not before the quick check has passed
    )

    templates, count = args.settings["captions"], args.settings["images_per_class_word"]
    captions = {word: fill_captions(templates, word, count) for word in args.settings["class_words"]}
    latents = make_latents(args.base_model, captions, args.settings, args.threads)
    provenance = artifacts.make_provenance(args.settings, {"base_model": args.base_model})
    tensors = {f"{word}.latents": array.numpy() for word, array in latents.items()}
    artifacts.write_tensors(args.output, tensors, {**provenance, "captions": captions})
    log.info("%d images of %d class words", count * len(captions), len(captions))


if __name__ == "__main__":
    cli.run(main)

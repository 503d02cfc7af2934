"""Images of class words, made by the base model itself, for the prior preservation of fine-tuning.

Writes one safetensors file: per class word a tensor `{class_word}.latents` [n, c, h, w], scaled as the network takes
them, and in the provenance the n `captions` of each class word.
"""

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.study.settings.ground_truth import RegularizationSettings


@cli.command_line(
    RegularizationSettings,
    base_model=cli.file("folder of the base model"),
    output=cli.file("safetensors file to write"),
)
def main(args: cli.Args, settings: RegularizationSettings) -> None:
    plugins.load("base_models", settings.base_model["name"]).check(args.base_model)
    from workflow_scripts.ground_truth import class_images  # PyTorch: not before the quick check has passed

    captions = {word: settings.captions_of(word) for word in settings.class_words}
    latents = class_images.make_latents(args.base_model, captions, settings)
    tensors = {f"{word}.latents": array.numpy() for word, array in latents.items()}
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_tensors(args.output, tensors, {**provenance, "captions": captions})
    cli.log.info("%d images of each of %d class words", settings.images_per_class_word, len(captions))

r"""Trains a small vision transformer without labels on composed pictures, of drawings that may train weights we ship.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_dino_mini \
        --drawings data/corpus/drawings.parquet --output build/dino_mini \
        --settings '{"seed": 0, "pictures": 40000, "architecture": "vit_tiny_patch16_224", "patch": 8, ...}'
"""

import logging
from pathlib import Path

import torch

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.pretraining import distillation
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("train_dino_mini")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--drawings", type=Path, required=True, help="the corpus")
    parser.add_argument("--output", type=Path, required=True, help="folder of the network, in timm's layout")
    parser.add_settings()
    args = parser.parse_args()
    settings, seed = args.settings, args.settings["seed"]
    torch.manual_seed(derive_seed(seed, "dino_mini weights"))  # the same in every process

    config = distillation.timm_config(settings)
    student = distillation.Student(distillation.build_network(config), settings["prototypes"]).train()
    schedule = Schedule(**{key: settings[key] for key in Schedule.__dataclass_fields__})
    trainer = Trainer({"student": student}, schedule, args.output.with_suffix(".checkpoint.safetensors"), seed)

    drawings = decodable_drawings(artifacts.read_table(args.drawings))
    pool = unlabelled_pool(drawings, settings["pictures"], derive_seed(seed, "dino_mini pictures", trainer.rank))
    log.info(
        "%d pictures of %d drawings, %d weights",
        len(pool.images),
        len(drawings),
        sum(map(torch.numel, student.network.parameters())),
    )
    teacher = {name.removeprefix("student."): average for name, average in trainer.averages.items()}
    trainer.run(distillation.DistillationLoss(student, teacher, pool.images, settings))
    if trainer.rank == 0:
        trainer.swap_averages()
        provenance = artifacts.make_provenance(settings, {"drawings": args.drawings})
        distillation.save_network(args.output, student.network, config, provenance)
        trainer.checkpoint.unlink()


if __name__ == "__main__":
    cli.run(main)

"""A head and its calibration from the files that the authors released, or the untuned one, for which they have none.

Without `--mapper` writes the identity head, with tau 1 and lambda 0, `fitted: false`. The authors' maps apply to
features as long as the encoder makes them, which the file says (`raw`). The history is empty: nothing is learned here.

Example:
    python -m workflow_scripts.steps.import_head --mapper data/abc_release/weights/mapper/dino_tuned.pth \\
        --calibrator data/abc_release/weights/calibrator/dino_tuned.pth \\
        --output results/abc_release/heads/dino_vitb16/linear/released.safetensors \\
        --history results/abc_release/heads/dino_vitb16/linear/released.history.csv \\
        --calibration results/abc_release/heads/dino_vitb16/linear/released.calibration.json \\
        --settings '{"encoder": "dino_vitb16", "head": "linear", "training_set": "released"}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation import calibration
from workflow_scripts.release import checkpoints
from workflow_scripts.study.settings.release import ImportHeadSettings

HISTORY = "temperature,epoch,loss,train_mAP,val_mAP\n"


@cli.command_line(
    ImportHeadSettings,
    mapper=cli.flag("the authors' two maps; none for the identity head", type=Path, nargs="?"),
    calibrator=cli.flag("the authors' tau and lambda; none if they are not known", type=Path, nargs="?"),
    output=cli.file("safetensors file of the head to write"),
    history=cli.file("CSV file to write"),
    calibration=cli.file("JSON file to write"),
)
def main(args: cli.Args, settings: ImportHeadSettings) -> None:
    if bool(args.mapper) != settings.learned:
        expected = "its file" if settings.learned else "none"
        raise ValueError(f"--mapper: the head is {settings.head!r}; expected {expected}")
    tensors = checkpoints.read_mapper(args.mapper) if args.mapper else {}
    fitted = checkpoints.read_calibrator(args.calibrator) if args.calibrator else calibration.UNFITTED
    provenance = artifacts.make_provenance(settings.recorded(), settings.made_from(**vars(args)))
    artifacts.write_tensors(args.output, tensors, provenance)
    artifacts.write_text(args.history, HISTORY)
    unknown = {"kl_before": None, "kl_after": None, "n": None}  # on val, whose samples are not released
    record = {"tau": fitted.tau, "lambda": fitted.lam, "fitted": bool(args.calibrator), **unknown}
    artifacts.write_json(args.calibration, {**record, "provenance": provenance})

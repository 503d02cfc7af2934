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


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--mapper", type=Path, nargs="?", help="the authors' two maps; none for the identity head")
    parser.add_argument(
        "--calibrator", type=Path, nargs="?", help="the authors' tau and lambda; none if they are not known"
    )
    parser.add_argument("--output", type=Path, required=True, help="safetensors file of the head to write")
    parser.add_argument("--history", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--calibration", type=Path, required=True, help="JSON file to write")
    parser.add_settings(ImportHeadSettings)
    args = parser.parse_args()

    settings: ImportHeadSettings = args.settings
    if bool(args.mapper) != settings.learned:
        raise ValueError(
            f"--mapper: the head is {settings.head!r}; expected {'its file' if settings.learned else 'none'}"
        )
    tensors = checkpoints.read_mapper(args.mapper) if args.mapper else {}
    fitted = checkpoints.read_calibrator(args.calibrator) if args.calibrator else calibration.UNFITTED
    inputs = settings.made_from(**vars(args))
    provenance = artifacts.make_provenance(settings.recorded(), inputs)
    artifacts.write_tensors(args.output, tensors, provenance)
    artifacts.write_text(args.history, HISTORY)
    unknown = {"kl_before": None, "kl_after": None, "n": None}  # on val, whose samples are not released
    record = {"tau": fitted.tau, "lambda": fitted.lam, "fitted": bool(args.calibrator), **unknown}
    artifacts.write_json(args.calibration, {**record, "provenance": provenance})


if __name__ == "__main__":
    cli.run(main)

"""A revision of a model hub's repository, in the folder beside the manifest that is written last.

Only safetensors, configuration and vocabularies are fetched. HF_ENDPOINT, HF_HOME and a login with `hf auth login` are
honoured; with HF_HUB_OFFLINE=1 a folder that was copied by hand gets its manifest without network.

Example:
    python -m workflow_scripts.steps.download \\
        --output data/hub/CompVis/stable-diffusion-v1-4/133a221b8aa7292a167afc5127cb63fb5005638b.json --minutes 120
"""

from workflow_scripts import cli
from workflow_scripts.inputs.downloads import fetch_snapshot, within


@cli.command_line(
    output=cli.file(
        "manifest to write, .../{owner}/{name}/{revision}.json; the files go into the folder of that name beside it"
    ),
    minutes=cli.flag("the longest that the transfer may take", type=float, required=True),
)
def main(args: cli.Args) -> None:
    with within(args.minutes, str(args.output)):
        fetch_snapshot(args.output)

"""A file of weights by its URL, whole or not at all, and its hash in a sidecar; goes on with a broken transfer.

Example:
    python -m workflow_scripts.steps.download_weights \\
        --url https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt \\
        --sha256 9f26bd4c848cc19b73d2ae92eea6e04886f61a7b764ceb7a13aeee62e6a6db56 \\
        --largest-mb 200 --minutes 120 \\
        --output data/weights/sscd_disc_mixup.torchscript.pt
"""

from workflow_scripts import cli
from workflow_scripts.inputs.downloads import fetch_file, within


@cli.command_line(
    url=cli.flag("where the file is", required=True),
    sha256=cli.flag("hash that the file must have, - if nobody published it", required=True),
    largest_mb=cli.flag("the most megabytes that the file may have", type=float, required=True),
    minutes=cli.flag("the longest that the transfer may take", type=float, required=True),
    output=cli.file("file to write"),
)
def main(args: cli.Args) -> None:
    with within(args.minutes, args.url):
        sha256 = None if args.sha256 == "-" else args.sha256
        fetch_file(args.url, sha256, int(1e6 * args.largest_mb), args.output)

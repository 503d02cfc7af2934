"""Makes the front page of a study: the finding, tables, figures, how it was made, and the way to the gallery."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import index, pages
from workflow_scripts.reporting.table import metrics_of


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="SVG files of step plot")
    parser.add_argument("--gallery", type=Path, required=True, help="HTML file of step gallery")
    parser.add_argument("--attribution", type=Path, required=True, help="artists and licences, Markdown or text")
    parser.add_argument("--rulegraph", type=Path, help="SVG file of the workflow's rules")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    parser.add_settings()
    args = parser.parse_args()

    table = pd.read_csv(args.table)
    captions = index.captions(table)
    page = pages.render(
        "index",
        study=args.settings["study"],
        **args.settings["report"],
        headline=index.headline(table),
        explanation=index.explanation(table),
        cases=index.by_case(table),
        metrics=metrics_of(table),
        rows=index.table_rows(table),
        figures=[
            {"caption": captions.get(file.stem, file.stem), "svg": pages.inline_svg(file.read_text(encoding="utf-8"))}
            for file in args.figures
        ],
        gallery=args.gallery.name,
        csv=args.table.name,
        attribution=args.attribution.read_text(encoding="utf-8"),
        rulegraph=pages.inline_svg(args.rulegraph.read_text(encoding="utf-8")) if args.rulegraph else None,
    )
    artifacts.write_text(args.output, page)


if __name__ == "__main__":
    cli.run(main)

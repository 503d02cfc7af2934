"""Makes the front page of a study: the findings, a table and figure for each question, and the way to the gallery."""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import findings, page, pages, plan
from workflow_scripts.reporting.results import Results, largest_group
from workflow_scripts.study.settings.report import ReportSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="its CSV files of questions, and dataset")
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="SVG files of step plot")
    parser.add_argument("--exemplars", type=Path, nargs="*", default=[], help="parquet files of what heads learn on")
    parser.add_argument("--gallery", type=Path, required=True, help="HTML file of step gallery")
    parser.add_argument("--attribution", type=Path, required=True, help="artists and licences, Markdown or text")
    parser.add_argument("--rulegraph", type=Path, help="SVG file of the workflow's rules")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    parser.add_settings(ReportSettings)
    args = parser.parse_args()

    settings: ReportSettings = args.settings
    tables = {file.stem: file for file in args.tables}
    results = Results.of_table(
        settings.shown,
        artifacts.read_csv(args.table),
        calibrations=artifacts.read_csv(tables["calibration"]),
        largest_group=largest_group(args.exemplars),
    )
    figures = {file.stem: pages.inline_svg(artifacts.read_text(file)) for file in args.figures}
    text = pages.render(
        "index",
        study=settings.study,
        **settings.report.to_json(),
        shown=results.shown,
        headline=findings.headline(results),
        explanation=findings.explanation(results),
        findings=findings.findings(results),
        cases=findings.by_case(results),
        sections=page.sections(results, figures),
        plan=plan.paper_layout(artifacts.read_csv(tables["dataset"])),
        gallery=args.gallery.name,
        csv=args.table.name,
        tables=tables["dataset"].parent.name,
        attribution=artifacts.read_text(args.attribution),
        rulegraph=pages.inline_svg(artifacts.read_text(args.rulegraph)) if args.rulegraph else None,
    )
    artifacts.write_text(args.output, text)


if __name__ == "__main__":
    cli.run(main)

"""Makes the front page of a study: the findings, a table and figure for each question, and a link to the gallery."""

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import findings, page, pages, plan
from workflow_scripts.reporting.results import Results
from workflow_scripts.study.settings.report import IndexSettings


@cli.command_line(
    IndexSettings,
    table=cli.file("CSV file of step tabulate"),
    tables=cli.files("its CSV files of questions, and dataset"),
    figures=cli.files("SVG files of step plot"),
    exemplars=cli.files("parquet files of the cases that heads are trained on", required=False),
    gallery=cli.file("HTML file of step gallery"),
    attribution=cli.file("artists and licences, Markdown or text"),
    rulegraph=cli.file("SVG file of the workflow's rules", required=False),
    output=cli.file("HTML file to write"),
    provenance=cli.file("JSON file to write: what it was made with"),
)
def main(args: cli.Args, settings: IndexSettings) -> None:
    tables = {file.stem: file for file in args.tables}
    results = Results.read(settings.shown, args.table, tables["calibration"], args.exemplars)
    figures = {file.stem: pages.inline_svg(artifacts.read_text(file)) for file in args.figures}
    text = pages.render(
        "index",
        study=settings.study,
        **settings.report.to_json(),
        shown=results.shown,
        headline=findings.headline(results),
        explanation=findings.explanation(results),
        findings=findings.findings(results),
        rule=findings.RULE,
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
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})

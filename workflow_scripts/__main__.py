"""Commands for people: python -m workflow_scripts COMMAND --help explains one, with examples."""

import ast
import importlib
import sys
from pathlib import Path

from workflow_scripts import cli, commands

PROGRAM = "python -m workflow_scripts"


def summaries() -> dict[str, str]:
    """The first line of each command's docstring, by its name."""
    files = sorted(Path(commands.__path__[0]).glob("[!_]*.py"))
    return {file.stem: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))).splitlines()[0] for file in files}


def main() -> None:
    known = summaries()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        width = max(map(len, known))
        print(__doc__, *(f"  {name:{width}}  {line}" for name, line in known.items()), sep="\n")
        return
    name = sys.argv.pop(1)
    if name not in known:
        sys.exit(f"error: {name!r} is no command; commands: {', '.join(known)}")
    sys.argv[0] = f"{PROGRAM} {name}"
    try:
        command = importlib.import_module(f"workflow_scripts.commands.{name}")
    except ModuleNotFoundError as error:
        lacks = f"error: {sys.executable} lacks {error.name}, which the project needs"
        sys.exit(f"{lacks}; first: source .venv/bin/activate (`make data` installs it)")
    command.main()


if __name__ == "__main__":
    cli.run(main)

"""Steps: one command line per rule. It parses, reads, calls and writes."""

from workflow_scripts import commands

__path__ += commands.__path__  # where they stood before: python -m workflow_scripts.steps.verify

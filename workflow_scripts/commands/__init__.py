"""Commands for people, which no rule calls: `python -m workflow_scripts` lists them."""

"""What people look at: the table of all numbers, the paper's questions, figures, the gallery, the page."""

# One table and figure each; `questions` says which rows they hold. The Snakefile names their files.
QUESTIONS = (
    *("tuning", "training_sets", "difficulty", "protocols"),
    *("artists", "set_sizes", "generalisation", "learning_curve"),
)
TABLES = (*QUESTIONS, "calibration")
FIGURES = (*QUESTIONS, "reliability", "history")

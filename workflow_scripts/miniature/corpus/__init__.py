"""The miniature's corpus: openly licensed drawings, who drew them, what may be trained on them, and its pictures."""

DRAWINGS, TWINS = "drawings.parquet", "twins.parquet"  # what the folder of a corpus holds

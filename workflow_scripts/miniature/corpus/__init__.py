"""The miniature's corpus: openly licensed drawings, who drew them, what may be trained on them, and its pictures."""

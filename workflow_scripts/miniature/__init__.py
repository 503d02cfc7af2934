"""The miniature: a corpus of openly licensed drawings, and the small networks that are trained on it."""

"""Evaluation: features read back, exact ranking, retrieval scores, calibration, intervals, and the cells they fill."""

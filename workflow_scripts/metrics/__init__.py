"""Pure functions on arrays: exact ranking, retrieval scores, calibration of influence, bootstrap over models."""

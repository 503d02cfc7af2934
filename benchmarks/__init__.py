"""Benchmarks: each compares our way with a named peer, on the same work and hardware, in one run. See README.md."""

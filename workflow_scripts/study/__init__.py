"""A study: what the benchmark holds, known from configuration alone, and checked before the first job."""

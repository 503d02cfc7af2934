"""The test set that the authors of AbC released: its layouts, read into ours. See docs/release.md.

The release's folder holds `dataset/` (images, and JSON files that say which belong together), `weights/` (mappers and
calibrators) and `feats/` (features of the LAION images). Nothing here is their code.
"""

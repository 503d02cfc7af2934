"""Inputs made or fetched before a study: weights of others, captions, the class words of ImageNet."""

"""Pre-training of the miniature's base model: a small Stable Diffusion on composed drawings."""

"""Training: one loop, both streams, from a recipe to a checkpoint in the published layout."""

"""Renderers: a seed in, an exact sample out."""

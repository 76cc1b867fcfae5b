"""Samples and how they become what is learnt from."""

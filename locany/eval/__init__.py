"""Measuring: metrics as pure functions, and a model on fresh samples."""

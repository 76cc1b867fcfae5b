"""Pure functions from examples and predictions to numbers, each in two profiles: `published` and `fixed`."""

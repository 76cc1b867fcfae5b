"""The command line: one file per concern, nothing heavy imported before it is needed."""

"""The kinds of pages, by name."""

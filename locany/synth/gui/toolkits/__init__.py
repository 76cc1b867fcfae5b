"""The interface toolkits, one module each."""

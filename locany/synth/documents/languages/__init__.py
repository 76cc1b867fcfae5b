"""What pages are written in: word lists and sentence patterns by language, and the writer that uses them."""

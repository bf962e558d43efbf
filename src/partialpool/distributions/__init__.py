"""Prior distributions: one entry each."""

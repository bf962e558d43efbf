"""Prior distributions, with one table entry each."""

"""`python -m partialpool`: the command line."""

from partialpool.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

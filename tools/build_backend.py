"""hatchling, after a check of Python's version: pip would name a dependency that has no version for an old one."""

import platform
import sys

OLDEST = (3, 12)

if sys.version_info < OLDEST:
    raise SystemExit(
        "partialpool does not run on this Python\n"
        f"  got:     Python {platform.python_version()}\n"
        f"  allowed: Python {'.'.join(map(str, OLDEST))} or newer\n"
        "  do:      install a newer Python (python.org, conda, uv or pyenv), make an environment with it, such as\n"
        "           python3.13 -m venv .venv, and install with its pip"
    )

from hatchling.build import *  # noqa: E402, F403

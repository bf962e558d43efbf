#!/usr/bin/env bash
# Print a Python >= 3.12: from PATH, pyenv or uv, in that order. If there is none, print what to do.
set -u
wanted='import sys; sys.exit(not ((3, 12) <= sys.version_info[:2] < (3, 15)))'
fits() { "$1" -c "$wanted" >/dev/null 2>&1; }

for name in python3.13 python3.14 python3.12 python3 python; do
    path=$(command -v "$name" 2>/dev/null) || continue
    # A pyenv shim runs the version in .python-version; print the interpreter that it runs.
    if fits "$path"; then "$path" -c 'import sys; print(sys.executable)'; exit 0; fi
done
for root in "${PYENV_ROOT:-$HOME/.pyenv}/versions"; do
    for path in "$root"/3.13*/bin/python "$root"/3.14*/bin/python "$root"/3.12*/bin/python; do
        if [ -x "$path" ] && fits "$path"; then echo "$path"; exit 0; fi
    done
done
if command -v uv >/dev/null 2>&1; then
    path=$(uv python find '>=3.12,<3.15' 2>/dev/null) && fits "$path" && { echo "$path"; exit 0; }
    uv python install 3.13 >&2 && uv python find 3.13 && exit 0
fi
cat >&2 <<'EOF'
partialpool needs Python 3.12 or newer, and none was found.
  looked:  on PATH, in pyenv's versions, through uv
  do:      install one (python.org, `pyenv install 3.13`, or `uv python install 3.13`) and call make again
EOF
exit 1

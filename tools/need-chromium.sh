#!/usr/bin/env bash
# Print the path of Chromium, which the tests of the HTML report use. Install it by apt-get if possible; otherwise
# print what to do.
set -u
find_browser() {
    for name in "${PARTIALPOOL_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" 2>/dev/null && return 0
    done
    return 1
}

find_browser && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "installing chromium (a minute or two)" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >&2
    find_browser && exit 0
fi
cat >&2 <<'EOF'
The tests of the HTML report need Chromium, and none was found.
  looked:  PARTIALPOOL_CHROMIUM, then chromium, chromium-browser, google-chrome on PATH
  do:      install one (`apt-get install chromium`, `brew install --cask chromium`), or set PARTIALPOOL_CHROMIUM to its path
EOF
exit 1

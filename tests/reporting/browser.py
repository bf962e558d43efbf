"""Drive a headless Chromium: what a page becomes when a real browser reads it."""

import base64
import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")

# Read in each frame, once it has loaded: it tells what a test cannot see from outside.
PROBE = """
function probe(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  return {
    width: frame.contentWindow.innerWidth,
    scrollWidth: root.scrollWidth,
    headings: [...page.querySelectorAll("h1, h2")].map(h => h.textContent),
    hidden: [...page.querySelectorAll("h1, h2, p, table")].filter(e => e.getBoundingClientRect().height === 0).length,
    images: [...page.images].map(i => ({alt: i.alt, natural: i.naturalWidth, shown: i.getBoundingClientRect().width})),
    links: [...page.querySelectorAll("a")].map(a => page.getElementById(a.hash.slice(1)) !== null),
    math: [...page.querySelectorAll("math")].map(m => {
      const lines = [...m.querySelectorAll("mtr")].map(r => r.getBoundingClientRect().top);
      const space = m.namespaceURI, size = m.getBoundingClientRect();
      return {space: space, width: size.width, below: lines.every((t, k) => k === 0 || t > lines[k - 1])};
    }),
    scrollers: [...page.querySelectorAll(".wide")].map(e => e.scrollWidth > e.clientWidth),
    names: [...page.querySelectorAll("tbody th, tbody td")].map(e => e.scrollWidth - e.clientWidth),
    captions: [...page.querySelectorAll(".caption")].map(e => e.getBoundingClientRect().right),
    tables: [...page.querySelectorAll(".wide:has(table)")].map(e => e.scrollWidth > e.clientWidth),
    fetched: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name)
  };
}
window.addEventListener("load", () => {
  const seen = [...document.querySelectorAll("iframe")].map(probe);
  const result = document.createElement("pre");
  result.id = "seen";
  result.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
  document.body.append(result);
});
"""


def find_chromium():
    """The browser's path; without one the test is skipped, and says how to install one."""
    for name in (os.environ.get("PARTIALPOOL_CHROMIUM"), *NAMES):
        found = name and shutil.which(name)
        if found:
            return found
    return pytest.skip(
        "no Chromium: install one (`bash tools/need-chromium.sh`, or `apt-get install chromium`), "
        "or set PARTIALPOOL_CHROMIUM to its path"
    )


@dataclass(frozen=True)
class Seen:
    """What came out of one run of the browser."""

    dom: str
    complaints: list[str] = field(default_factory=list)
    """Lines of the console: errors of scripts, and whatever the page could not load."""


@dataclass(frozen=True)
class Browser:
    """A Chromium with a profile of its own."""

    program: str
    folder: Path

    def run(self, page: Path, *options: str) -> subprocess.CompletedProcess:
        command = [
            self.program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            f"--user-data-dir={self.folder / 'profile'}",
            "--enable-logging=stderr",
            "--v=0",
            *options,
            page.as_uri(),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    def open(self, text: str) -> Seen:
        """Open a page as it is."""
        path = self.folder / "page.html"
        path.write_text(text, encoding="utf-8")
        done = self.run(path, "--dump-dom")
        return Seen(done.stdout, re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr))

    def measure(self, *frames: tuple[str, int]) -> tuple[list[dict], list[str]]:
        """Show pages in frames of the widths given, as phones do, and probe each."""
        shown = [
            f'<iframe style="border:0;width:{width}px;height:844px" srcdoc="{html.escape(text)}"></iframe>'
            for text, width in frames
        ]
        seen = self.open(f"<!DOCTYPE html><body>{''.join(shown)}<script>{PROBE}</script></body>")
        (result,) = re.findall(r'<pre id="seen">([^<]*)</pre>', seen.dom)
        return json.loads(base64.b64decode(result)), seen.complaints

"""Check the built site: every link has a target, and nothing is fetched from other sites."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("source", "src"), ("iframe", "src"), ("link", "href")}
FOLLOWED = {("a", "href")}
NOT_LOADED = {"canonical", "alternate", "next", "prev", "search", "index"}
"""Values of `rel` for `link` elements that a browser does not load."""


@dataclass
class Page(HTMLParser):
    """Links, loaded files and link targets of a page.

    Attributes
    ----------
    links, loads
        Addresses as written on the page.
    places
        Names that may follow `#` in an address.
    """

    text: str
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element's addresses and names."""
        known = dict(attrs)
        self.places |= {known[name] or "" for name in ("id", "name") if known.get(name)}
        for name, value in attrs:
            if value and (tag, name) in FOLLOWED:
                self.links.append(value)
            if value and (tag, name) in FETCHED and not NOT_LOADED & set((known.get("rel") or "").split()):
                self.loads.append(value)


@cache
def read(path: Path) -> Page:
    """Read and parse a page; the result is cached."""
    return Page(path.read_text(encoding="utf-8"))


def problems(site: Path) -> Iterator[str]:
    """Yield a message for every broken link and every file that would be fetched from another site."""
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        for address in page.loads:
            if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
                yield f"{path.relative_to(site)} loads {address} from outside"
        for address in [*page.links, *page.loads]:
            wrong = _missing(path, address)
            if wrong:
                yield f"{path.relative_to(site)}: {address}: {wrong}"


def _missing(path: Path, address: str) -> str:
    """Return what is wrong with an address on a page; an empty string if it is valid or leads to another site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir() or not target.exists():
        return "no such file"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).places:
        return "no such place"
    return ""


def main(folder: str) -> int:
    """Print every problem; return exit code 1 if there is any, or if there are no pages, else 0."""
    site = Path(folder).resolve()
    pages = len(list(site.rglob("*.html")))
    found = list(problems(site))
    for line in found:
        print(line, file=sys.stderr)
    print(f"{pages} pages, {sum(len(read(p).links) for p in site.rglob('*.html'))} links, {len(found)} problems")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Read the documentation's pages as text: prose without code, code in the prose, links and their possible targets."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(`{3,}).*?^\1$", re.S | re.M)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w])")


def text_of(page):
    return page.read_text(encoding="utf-8")


def prose(text):
    """The page without its blocks of code."""
    return FENCE.sub("", text)


def code_in(text):
    """Pieces of code in the prose; the bars of a table are escaped there."""
    return [code.replace("\\|", "|") for code in CODE.findall(prose(text))]


def table_rows(text):
    """Rows of all tables, as lists of cells."""
    rows = [line for line in prose(text).splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def places(text):
    """What may follow `#`: headings as GitHub and the site's parser write them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text):
    """Addresses of files in the repository, or of places in them."""
    return [target for target in LINK.findall(prose(text)) if not re.match(r"[a-z]+:", target)]

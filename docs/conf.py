"""Sphinx configuration. The sources are the repository's own files, so links work here and where the code is hosted.

Nothing is fetched: no remote inventory, font, script or style sheet. Warnings are errors (`make docs`).
"""

import logging
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

import partialpool  # noqa: E402

project = "partialpool"
author = "The partialpool developers"
copyright = "the partialpool developers, BSD-3-Clause"
version = release = partialpool.__version__

# The source folder is the repository: pages are listed here, and all other files are ignored.
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "notebooks/*.ipynb",
    "notebooks/README.md",
    "models/README.md",
    "benchmarks/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "build", "dist", "out", "src", "tests", "tools", "**/.ipynb_checkpoints"]

extensions = [
    "myst_nb",  # Markdown and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",  # the docstrings' style
    "plain_docstrings",  # docstrings are written for `help()`
    "native_math",  # formulas as MathML, which browsers render without a script
    "name_links",  # links `pp.icc(fit)` to its reference
    "wide_pictures",  # pictures that scroll on a phone
]

nb_execution_mode = "off"  # notebooks are shown with their committed outputs
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.header",  # a notebook's first cell may start below a title
]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "partialpool"
html_static_path = ["style"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "tango"
templates_path: list[str] = []
html_extra_path = ["root"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autosummary_generate = False
numpydoc_show_class_members = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
smartquotes = False  # a prime in a formula is not a quotation mark
default_role = "code"  # single backquotes in docstrings are code

# A folder without notebooks is not an error, and this warning has no name that could be listed above.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)

# Names from other projects and non-public names have no page here, and no inventory is fetched.
nitpick_ignore_regex = [
    ("py:.*", r"(collections|pathlib|types|typing|numpy|np|pandas|pd|xarray|xr|matplotlib|pymc)\..*"),
    ("py:.*", r"(Path|Any|Literal|Mapping|Sequence|Iterable|Callable|Figure|Fitted|Missing)"),
    ("py:.*", r"partialpool\.(distributions|families|spec|design|model|marginal|tabulate)\..*"),
    ("py:.*", r"partialpool\.(likelihood|fitting|sampling|questions|reporting)\..*"),
]

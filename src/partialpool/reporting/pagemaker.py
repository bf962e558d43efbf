"""How pages are made from templates: whatever a label or a formula holds is escaped, and a gap is an error."""

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["page_environment"]


def page_environment(folder: str) -> Environment:
    """Return the environment of a folder of templates, `reporting/templates` for instance."""
    return Environment(
        loader=PackageLoader("partialpool", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
    )

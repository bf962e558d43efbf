"""Bayesian hierarchical (mixed-effects) models from a grouping specification."""

import sys

import lazy_loader

from partialpool.elsewhere import OF_MODULES, sentence

__version__ = "0.1.0"

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name when it is first used; say what a name of another package is called here."""
    if name not in __all__ and (said := sentence(__name__, name, OF_MODULES)):
        raise AttributeError(said, name=name, obj=sys.modules[__name__])
    return _find(name)

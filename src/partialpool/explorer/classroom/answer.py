"""The page of one question: the model is fitted, and what the fit has to say stands above the explorer."""

import warnings
from typing import Final

from partialpool.errors import PartialPoolWarning
from partialpool.explorer.classroom.question import Question
from partialpool.explorer.page import render_explorer
from partialpool.explorer.studies import PriorChoice
from partialpool.explorer.words import pupil_word
from partialpool.fitting.fit import fit
from partialpool.reporting.pagemaker import page_environment

__all__ = ["make_page"]

_SEED: Final = 1
"""Equal tables have equal pages."""
PRIORS: Final = PriorChoice(("half-t(3)", "half-normal"), 5)
"""A class waits for the page: 10 fits in place of 36. The default prior is among them, and a narrow and a wide one."""

_CODE: Final = " (for instance .str"
"""Advice to programmers, which a warning about names that differ by case ends with."""


def make_page(question: Question) -> str:
    """Fit the model of a question and return its page, with a link back to the form.

    Raises
    ------
    PartialPoolError
        The table, the model or the fit is not valid.
    """
    spec, table, remarks = question.read()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PartialPoolWarning)
        found = fit(spec, table, seed=_SEED, progressbar=False)
        notes = [
            str(warning.message).partition(_CODE)[0]
            for warning in caught
            if issubclass(warning.category, PartialPoolWarning)
        ]
        verdict = found.digest.verdict
        if not verdict.good:
            notes.append(str(verdict))
        above = page_environment("explorer/templates").get_template("classroom_above.html")
        return render_explorer(
            found,
            title=question.title,
            seed=_SEED,
            progressbar=False,
            choice=PRIORS,
            called=pupil_word(question.who),
            above=above.render(key=question.key, notes=[*remarks, *notes]),
        )

"""Tables for papers: estimates of one or several models side by side, in Word, LaTeX, HTML and Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

from partialpool.errors import DataError, SpecError
from partialpool.files import check_place
from partialpool.fitting.fit import Fit
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.labels.labels import checked_labels
from partialpool.reporting.tables.gather import Gathered
from partialpool.reporting.tables.model_table import DOING, ModelTable, check_suffix
from partialpool.reporting.tables.scales import scale_of

__all__ = ["table"]

_MOST_DIGITS = 6
_Fits = Fit | Mapping[str, Fit] | Sequence[Fit]


@overload
def table(
    fits: _Fits,
    path: None = None,
    *,
    prob: float = ...,
    digits: int = ...,
    exponentiate: bool = ...,
    rows: str | Sequence[str] | None = ...,
    labels: Mapping[str, str] | None = ...,
    title: str = ...,
) -> ModelTable: ...


@overload
def table(
    fits: _Fits,
    path: str | Path,
    *,
    prob: float = ...,
    digits: int = ...,
    exponentiate: bool = ...,
    rows: str | Sequence[str] | None = ...,
    labels: Mapping[str, str] | None = ...,
    title: str = ...,
) -> Path: ...


def table(
    fits: _Fits,
    path: str | Path | None = None,
    *,
    prob: float = DEFAULT_PROB,
    digits: int = 2,
    exponentiate: bool = False,
    rows: str | Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    title: str = "",
) -> ModelTable | Path:
    r"""Make a table for a paper: fixed effects, random effects, ICC, R2 and numbers of levels, models side by side.

    Rows are aligned by the names of the parameters; a cell is empty where a model does not have the row. Estimates are
    posterior means, or medians (marked) where a few draws decide the mean. The notes below the table state formula,
    family and link of each model, what the estimates are, the reference categories, and how ICC and R2 are defined; a
    model whose draws failed a diagnostic has a warning above the table.

    Parameters
    ----------
    fits
        A fit; fits by name, in the order of the columns; or a list of fits, which are called Model 1, Model 2, ... The
        fits may be of different tables, responses and families.
    path
        The file to write: `.docx` (needs python-docx, `pip install 'partialpool[table]'`), `.tex` (booktabs, to be read
        by `\input`), `.html`, `.md`, or `.csv` for the unrounded numbers. It appears only when it is complete.
    prob
        Probability of the equal-tailed intervals.
    digits
        Significant digits of the posterior sd, which decide the decimals of its row: models on the same scale have the
        same. ICC, R2 and correlations have `digits` decimals; ratios below 1 that many significant digits.
    exponentiate
        Whether fixed effects are shown as ratios under a logit or log link and for lognormal responses: posterior
        medians of exp(coefficient). Other models, cutpoints and random effects stay as they are, and the table says so.
    rows
        The rows to show, in the order of the table; all if left out. Names are those of blocks ("fixed", "cutpoints",
        "random", "shares", "sizes"), of predictors (all coefficients of `treatment`, with its reference), coefficients,
        factors (sds, correlations, ICC and number of levels), or parameters as in `print(fit)` (`"sigma"`,
        `"sd_Subject"`, `"icc[Subject]"`, `"r2_marginal"`); labels do as well: `rows=["treatment", "random"]`.
    labels
        What to write for a column, a coefficient, a factor, a parameter (`sigma`) or a category: `{"Days": "Days
        awake", "Subject": "Participant", "period[2]": "Second period"}`. The label of a column is used wherever the
        column appears: in interactions, expressions, correlations and notes. Without a label, `period[2]` is written
        `period: 2`, `C(arm)[b]` is `arm: b`, `a:b` is `a × b`, and `I(x**2)` is `x²`. These labels come before those
        of the fits themselves (`Fit.with_labels`, `[labels]` of a model file).
    title
        Title of the table.

    Returns
    -------
    ModelTable or pathlib.Path
        Without `path`, the table: it prints as text, and as HTML in a notebook; `.frame` has its numbers, and
        `.write(path)` writes it. With `path`, the file.

    Raises
    ------
    SpecError
        A label for a name that no model has; a row that no model has; exponentials that have no meaning; `prob` or
        `digits` out of range.
    DataError
        No fit, or something that is not a fit.
    FileError
        An unknown suffix; the folder does not exist or cannot be written to; python-docx is not installed.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> found = pp.table(fit, labels={"Batch": "Production batch"})
    >>> found.frame["label"].tolist()
    ['Intercept', 'Production batch, sd of Intercept', 'Residual sd', 'ICC, Production batch',
     'R², conditional (fixed and random effects)', 'Production batch', 'Rows']

    >>> import tempfile
    >>> pp.table({"Batches": fit}, Path(tempfile.mkdtemp()) / "table.tex", title="Yield of dyestuff").name
    'table.tex'
    """
    named = _named(fits)
    central_ends(prob)
    _check_digits(digits)
    known = checked_labels(list(named.values()), labels)
    if exponentiate:
        _check_ratios(named)
    if path is not None:
        check_suffix(path)
        check_place(path, doing=DOING)
    gathered = Gathered(named, known, prob=prob, digits=digits, exponentiate=exponentiate, rows=_as_list(rows))
    made = ModelTable(gathered.content(title), gathered.frame())
    return made if path is None else made.write(path)


def _named(fits: _Fits) -> dict[str, Fit]:
    if isinstance(fits, Fit):
        return {"": fits}
    if isinstance(fits, Mapping):
        named = {str(name): fit for name, fit in fits.items()}
    elif isinstance(fits, Sequence) and not isinstance(fits, str):
        named = {f"Model {number}": fit for number, fit in enumerate(fits, start=1)}
    else:
        named = {"": fits}
    wrong = [fit for fit in named.values() if not isinstance(fit, Fit)]
    if wrong or not named:
        raise DataError(
            "a table shows fits",
            got=f"an object of type {type(wrong[0]).__name__}" if wrong else "no fit",
            allowed="a fit, fits by name, or a list of fits",
            do="pass what pp.fit or pp.load_fit returns: pp.table({'slopes': fit, 'intercepts': other})",
        )
    return named


def _as_list(rows: str | Sequence[str] | None) -> list[str] | None:
    if rows is not None and not (names := [rows] if isinstance(rows, str) else list(rows)):
        raise SpecError("a table needs rows", got="rows=[]", allowed="one name or more", do="leave out rows for all")
    return None if rows is None else names


def _check_digits(digits: int) -> None:
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= _MOST_DIGITS:
        raise SpecError(
            "digits must be a whole number",
            got=repr(digits),
            allowed=f"1 to {_MOST_DIGITS}, the significant digits of the posterior sd",
            do="leave it out for 2",
        )


def _check_ratios(named: Mapping[str, Fit]) -> None:
    """Refuse to exponentiate where no model has ratios."""
    if not any(scale_of(fit, "").ratio for fit in named.values()):
        raise SpecError(
            "exponentials of these coefficients have no meaning",
            got=", ".join(dict.fromkeys(f"family {f.spec.family}, link {f.spec.link}" for f in named.values())),
            allowed="link 'logit' or 'log', or family 'lognormal', in one of the models",
            do="leave out exponentiate",
        )

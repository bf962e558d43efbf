"""Comparison of models by how well they predict new rows, new levels, and the data as a whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import arviz_stats as azs
import numpy as np
import pandas as pd

from partialpool.design.truncation import is_same_truncation
from partialpool.errors import DataError, nearest
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import first_table
from partialpool.questions.cross_validation import MAX_KHAT, Scores, score_levels, score_rows
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import TextTable, fixed, with_key

__all__ = ["Comparison", "compare"]

SMALL_GAP = 4.0
"""Differences below this are too small to trust their standard error."""
_SHOWN = 0.05
"""Differences below this are 0.0 where they are printed."""
_LEAST_ERROR = 0.05
"""Scores are printed to one decimal, which smaller Monte Carlo errors do not change."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Models side by side; prints as a table with a sentence on what each column answers.

    Attributes
    ----------
    frame
        One row per model, the best first; per criterion (`rows`, `levels`, `evidence`) its value in log units,
        `<criterion>_diff` to the best model and `<criterion>_se`, the standard error of that difference (evidence:
        Monte Carlo error); `rows_mcse`, `levels_mcse`, the Monte Carlo error of the value, by which it may change with
        another seed; `rows_weight`, `levels_weight`, stacking weights.
    notes
        What each criterion measures, and which values are uncertain.
    factor
        Factor whose levels were left out; empty if none were.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    factor: str

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria available, of `rows`, `levels` and `evidence`."""
        return tuple(c for c in ("rows", "levels", "evidence") if c in self.frame)

    @property
    def table(self) -> TextTable:
        """The frame, rounded as its errors permit."""
        titles = _titles(self.factor)
        heads = ["model"] + [h for c in self.criteria for h in (titles[c], "diff", "se")]
        rows, names = [], [str(name) for name in self.frame.index]
        shown, key = with_key(names, "model")
        for name, (_, row) in zip(shown, self.frame.iterrows(), strict=True):
            cells = [name]
            for c in self.criteria:
                decimals = (1, 1, 2 if c == "evidence" else 1)
                cells += [fixed(row[k], d) for k, d in zip((c, f"{c}_diff", f"{c}_se"), decimals, strict=True)]
            rows.append(tuple(cells))
        longest_first = sorted(zip(names, shown, strict=True), key=lambda pair: -len(pair[0]))
        notes = [reduce(lambda note, pair: note.replace(*pair), longest_first, note) for note in self.notes]
        return TextTable(
            tuple(heads),
            tuple(rows),
            title=f"Models, the best first by {titles[_leading(self.frame)]}",
            notes=(*key, *notes),
        )

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


@explains_keywords
def compare(
    fits: Mapping[str, Fit] | Sequence[Fit],
    *,
    factor: str | None = None,
    refit: bool = False,
    seed: int | None = None,
    progressbar: bool = True,
) -> Comparison:
    """Compare fits of the same response by how well they predict single rows, whole levels, and all the data.

    - rows: log p(y_i | y_-i), given the effects of the existing levels, by Pareto-smoothed importance sampling
      (Vehtari, Gelman & Gabry 2017): which model best predicts the next visit of these patients?
    - levels: log p(y_j | y_-j), all rows of level j together, its effects integrated out:
      which model best predicts a new patient? Under the collapsed engine, levels whose importance weights are
      unreliable are left out exactly, by refits.
    - evidence: log p(y), if every fit is by the collapsed or the nuts engine, by importance weights or bridge sampling:
      which model, priors included, gave the observed data the highest probability?

    Parameters
    ----------
    fits
        Fits by name; or a list, named by their formulas.
    factor
        Factor whose levels are left out; optional where the models have only one factor between them. A model without
        this factor is scored on the same sets of rows.
    refit
        Whether to fit again without each row and each level whose k-hat is above 0.7, whatever the engine: exact, and
        as slow as that many fits (as `reloo` in brms).
    seed
        Seed of the refits. Inside `joblib.parallel_config(...)` they run side by side, with `backend="dask"` on the
        cluster of the current `dask.distributed.Client`.
    progressbar
        Whether to show progress in an interactive session.

    Returns
    -------
    Comparison
        Differences are in units of log density. A difference is credible if it is above 4 and above two standard errors
        (Sivula, Magnusson, Matamoros & Vehtari 2020, arXiv:2008.10296). The sentence at the end prints the table's
        standard error and decides by sqrt(se^2 + e^2), e the Monte Carlo error of the difference, which it prints if it
        is 0.05 or more.

    Raises
    ------
    DataError
        Fewer than two fits; fits of different rows or responses; no such factor.
    EngineError
        A score that is not finite, or is outside the bounds that its rows imply.

    Examples
    --------
    >>> import partialpool as pp
    >>> data = pp.load_dataset("sleepstudy")
    >>> models = ("Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (1 | Subject)")
    >>> fits = {name: pp.fit(name, data, seed=1, progressbar=False) for name in models}
    >>> round(pp.compare(fits, seed=1, progressbar=False).frame["levels_diff"].iloc[1], -1)
    np.float64(-20.0)
    """
    named = _named(fits)
    _check_same_data(named)
    chosen, codes = _codes(named, factor)
    notes: list[str] = []
    again = {"refit": refit, "progressbar": progressbar}
    frames = [_rows(named, again, seed, notes)]
    if chosen:
        frames += _levels(named, (chosen, codes), again, seed, notes)
    else:
        notes.append("name a factor by factor= to leave out whole levels")
    evidence = {name: found for name, fit in named.items() if (found := fit.run.evidence) is not None}
    if len(evidence) == len(named):
        frames.append(_evidence(evidence))
        notes.append("evidence: how probable all the data were before any was seen; it depends on the priors")
    whole = pd.concat(frames, axis=1)
    leading = _leading(whole)
    whole = whole.sort_values(leading, ascending=False)
    notes += [*_disagreements(whole, leading, chosen), _sentence(whole, leading, chosen)]
    return Comparison(whole.rename_axis("model"), tuple(notes), chosen)


def _named(fits: Mapping[str, Fit] | Sequence[Fit]) -> dict[str, Fit]:
    given = list(fits.items()) if isinstance(fits, Mapping) else [(str(f.spec), f) for f in fits]
    pairs = [(name, first_table(fit, "compare")) for name, fit in given]
    named = dict(pairs)
    if len(named) < 2 or len(named) < len(pairs):
        raise DataError(
            "a comparison needs two or more fits, each with a different name",
            got=", ".join(repr(name) for name, _ in pairs) or "no fit",
            allowed="two fits or more",
            do="pass a dictionary: {'slopes': fit, 'intercepts': other}",
        )
    return named


def _check_same_data(named: Mapping[str, Fit]) -> None:
    (first_name, first), *others = named.items()
    for name, fit in others:
        a, b = first.design, fit.design
        same = (
            a.response.name == b.response.name
            and np.array_equal(a.rows, b.rows)
            and np.array_equal(a.response.values, b.response.values)
            and np.array_equal(a.response.n_trials, b.response.n_trials)
            and np.array_equal(a.response.other_ends, b.response.other_ends)
            and is_same_truncation(a.response.truncation, b.response.truncation)
        )
        if not same:
            raise DataError(
                "fits of different data cannot be compared",
                got="; ".join(
                    f"{n!r}: {f.spec.response}, {f.design.n_rows} rows" for n, f in ((first_name, first), (name, fit))
                ),
                allowed="one response, on the same rows",
                do="drop rows with missing values before fitting; keep transformations of the response out (family "
                "'lognormal' instead of log(y))",
            )


def _codes(named: Mapping[str, Fit], factor: str | None) -> tuple[str, np.ndarray]:
    """Return the factor whose levels are left out, empty for none, and each row's level."""
    known: dict[str, np.ndarray] = {}
    for name, fit in named.items():
        predictors = (fit.design, *fit.design.parameters.values())
        for f in (own for one in predictors for own in one.grouping):
            if f.has_members:
                continue
            codes = f.codes
            if not np.array_equal(known.setdefault(f.name, codes), codes):
                raise DataError(
                    f"fits have different levels of {f.name!r} in the same rows",
                    got=f"{name!r} differs from a fit before it",
                    allowed="one table for all fits",
                    do="fit the models to the same table",
                )
    if factor is None:
        return next(iter(known.items())) if len(known) == 1 else ("", np.zeros(0))
    if factor not in known:
        raise DataError(
            "no such grouping factor",
            got=repr(factor),
            allowed=nearest(factor, known),
            do="name a factor of one of the models",
        )
    return factor, known[factor]


def _rows(named: Mapping[str, Fit], again: Mapping[str, bool], seed: int | None, notes: list[str]) -> pd.DataFrame:
    seeds = _seeds(seed, named, stream=1)
    scores = {name: score_rows(fit, seed=seeds[name], **again) for name, fit in named.items()}
    notes.append("elpd, rows: predicts single rows of the existing levels, given the other rows")
    notes += _said_of(scores)
    bad = _many(scores, _is_doubtful)
    if bad:
        doubtful = [f"{count} of {named[name].design.n_rows} for {name}" for name, count in bad.items()]
        notes.append(
            f"  k-hat above 0.7 in {'; '.join(doubtful)}: optimistic there; compare whole levels, or pass refit=True"
        )
    return _differences(scores, "rows")


def _levels(
    named: Mapping[str, Fit],
    sets: tuple[str, np.ndarray],
    again: Mapping[str, bool],
    seed: int | None,
    notes: list[str],
) -> list[pd.DataFrame]:
    factor, codes = sets
    scores: dict[str, Scores] = {}
    seeds = _seeds(seed, named, stream=0)
    for name, fit in named.items():
        try:
            scores[name] = score_levels(fit, codes, seed=seeds[name], **again)
        except DataError as error:
            notes.append(f"no scores of whole levels: {name} has {error.got}; {error.wrong}")
            return []
    notes.append(f"elpd, {factor}: predicts all rows of a new level together, its effects integrated out")
    notes += _said_of(scores)
    bad = [f"{count} for {name}" for name, count in _many(scores, _is_doubtful).items()]
    if bad:
        notes.append(f"  k-hat above 0.7: {'; '.join(bad)}; their scores are rough: pass refit=True to leave them out")
    return [_differences(scores, "levels")]


def _seeds(seed: int | None, named: Mapping[str, Fit], *, stream: int) -> dict[str, int]:
    """A seed for each fit's refits; another stream for rows than for levels."""
    count = len(named)
    every = seed_sequence(seed).generate_state(count * (stream + 1))[count * stream :]
    return {name: int(own) for name, own in zip(named, every, strict=True)}


def _said_of(scores: Mapping[str, Scores]) -> list[str]:
    """Describe how many refits were made, and the Monte Carlo errors that are large enough to matter."""
    refits = [f"{count} for {name}" for name, count in _many(scores, lambda s: s.refitted).items()]
    said = [f"  left out by a refit: {'; '.join(refits)}"] if refits else []
    errors = "; ".join(f"{s.mcse:.2g} for {name}" for name, s in scores.items() if s.mcse >= _LEAST_ERROR)
    return [*said, f"  Monte Carlo error, by which another seed may differ: {errors}"] if errors else said


def _is_doubtful(scores: Scores) -> np.ndarray:
    return scores.loo.pareto_k.to_numpy() > MAX_KHAT


def _many(scores: Mapping[str, Scores], which: Callable[[Scores], np.ndarray]) -> dict[str, int]:
    """Count such rows or levels of each fit; fits without any are left out."""
    return {name: int(count) for name, s in scores.items() if (count := which(s).sum()) > 0}


def _differences(scores: Mapping[str, Scores], criterion: str) -> pd.DataFrame:
    table = azs.compare({name: s.loo for name, s in scores.items()}, round_to="none")
    return pd.DataFrame(
        {
            criterion: table["elpd"],
            f"{criterion}_diff": table["elpd_diff"],
            f"{criterion}_se": table["dse"],
            f"{criterion}_mcse": pd.Series({name: s.mcse for name, s in scores.items()}),
            f"{criterion}_weight": table["weight"],
        }
    )


def _evidence(found: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    value, error = (np.array(column) for column in zip(*found.values(), strict=True))
    best = int(value.argmax())
    both = np.where(np.arange(len(value)) == best, 0.0, np.hypot(error, error[best]))
    columns = {"evidence": value, "evidence_diff": value - value[best], "evidence_se": both}
    return pd.DataFrame(columns, index=pd.Index(list(found)))


def _titles(factor: str) -> dict[str, str]:
    """Return the heads of the criteria's columns."""
    return {"rows": "elpd, rows", "levels": f"elpd, {factor}", "evidence": "log evidence"}


def _leading(whole: pd.DataFrame) -> str:
    """Return the criterion by which models are ordered."""
    return "levels" if "levels" in whole else "rows"


def _disagreements(whole: pd.DataFrame, leading: str, factor: str) -> list[str]:
    """Say which criteria put another model first than the leading one does, and by how much."""
    first, titles = whole.index[0], _titles(factor)
    gaps = {c: whole[c].max() - whole.loc[first, c] for c in ("rows", "evidence") if c in whole and c != leading}
    return [
        f"By {titles[c]} the best is {whole[c].idxmax()}, {fixed(gap, 1)} before {first}."
        for c, gap in gaps.items()
        if gap >= _SHOWN
    ]


def _sentence(whole: pd.DataFrame, leading: str, factor: str) -> str:
    first, second = whole.index[:2]
    gap, se = abs(whole[f"{leading}_diff"].iloc[1]), whole[f"{leading}_se"].iloc[1]
    monte_carlo = np.hypot(*whole[f"{leading}_mcse"].iloc[:2])
    said = f"se {fixed(se, 1)}" + (f", Monte Carlo error {monte_carlo:.2g}" if monte_carlo >= _LEAST_ERROR else "")
    purpose = f"a new {factor}" if leading == "levels" else "new rows of the same levels"
    if gap > max(2 * np.hypot(se, monte_carlo), SMALL_GAP):
        return f"For {purpose}: {first} is better than {second} by {fixed(gap, 1)} ({said})."
    return f"For {purpose}: {first} and {second} cannot be distinguished (difference {fixed(gap, 1)}, {said})."

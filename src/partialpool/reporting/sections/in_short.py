"""Summary of the page: effects of the predictors, correlations within groups, verdicts on the fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from partialpool.design.nesting import nesting
from partialpool.errors import PartialPoolError
from partialpool.fitting.point_estimate import MEDIAN, common_point
from partialpool.names import BETA, INTERCEPT
from partialpool.questions.icc import icc
from partialpool.reporting.reported import Reported, is_predictive
from partialpool.reporting.section import Note, Section
from partialpool.reporting.sections.estimates import ratio_cells
from partialpool.reporting.tables.scales import scale_of
from partialpool.reporting.wording import on_scale
from partialpool.tabulate import estimate_cells, listed

__all__ = ["in_short"]

_MOST = 6
"""Most coefficients that are listed in the text; the rest are only in the table."""


_UNRELIABLE: Final = "Draws: do not rely on these numbers yet. The diagnostics below failed; see there what to do."


def in_short(reported: Reported) -> Section:
    """State the fixed effects, the correlations within groups, and the verdicts on draws, fit and priors.

    Where the draws failed their diagnostics, that is the first sentence: the numbers below it must not be used.
    """
    fit, frame = reported.fit, reported.digest.frame
    slopes = [name for name in fit.design.common.coefs if name != INTERCEPT]
    names = reported.names
    units = {name: names.told(unit) for name, unit in fit.design.axis_units.of_effects(slopes).items()}
    scale = on_scale(fit)
    coefs = [
        f"{names.coefficient(name)} {_estimate(reported, f'{BETA}[{name}]', units.get(name, ''))}"
        f"{_ratio(reported, name)}"
        for name in slopes[:_MOST]
    ]
    more = f"; {len(slopes) - _MOST} more are in the table of fixed effects" if len(slopes) > _MOST else ""
    iccs = {f"icc[{factor.name}]": reported.names.factor(factor.name) for factor in fit.design.grouping}
    alike = [f"{name} {_estimate(reported, key)}" for key, name in iccs.items() if key in frame.index]
    verdicts = _verdicts(reported)
    warning = [note for note in verdicts if note.text == _UNRELIABLE]
    prose: list[str | Note] = [*warning]
    if coefs:
        ratios = fit.spec.link_record.coefficient_ratio
        where = f" Effects on the {reported.names.quantity} are in Predictions." if ratios else ""
        which = f"Effects of the predictors (coefficients in the population){scale}, with {reported.percent} intervals"
        prose.append(f"{which}: {'; '.join(coefs)}{more}.{where}")
    if alike:
        varying = any(len(factor.names) > 1 for factor in fit.design.grouping)
        nested = {inner: outer for inner, outer in nesting(fit.design).items() if outer}
        averaged = ", averaged over the rows" if varying else ""
        what = (
            f"Share of the variance that is between levels (ICC){averaged}"
            if varying or nested
            else "Correlation of two responses that share a level (ICC)"
        )
        which = f"{what}{scale}, with {reported.percent} intervals"
        prose.append(f"{which}: {'; '.join(alike)}.")
        if nested and not varying:
            prose.append(f"Correlation of two responses{scale}: {'; '.join(_within(reported, nested))}.")
    return Section(prose=(*prose, *(note for note in verdicts if note not in warning)))


def _within(reported: Reported, nested: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """State the correlation of two responses of one level of each nested factor, which share its outer levels too."""
    same, name = icc(reported.fit)["same"], reported.names.factor
    for inner, outer in nested.items():
        of_one = same.sel(factor=inner)
        shared = f"of the same {name(inner)}, and therefore of the same {listed([name(one) for one in outer])}"
        yield f"{shared}, {reported.in_words(of_one.to_numpy(), common_point(of_one))}"


def _verdicts(reported: Reported) -> tuple[Note, ...]:
    """State three separate verdicts: on the draws, on the fit to the data, and on the priors."""
    draws = (
        Note("Draws: the diagnostics are good.", "good")
        if reported.fit.digest.verdict.good
        else Note(_UNRELIABLE, "bad")
    )
    others = (_or_why("Fit to the data", _fit_to_data, reported), _or_why("Priors", _priors, reported))
    return (draws, *others, *_of_the_table(reported))


def _or_why(subject: str, judge: Callable[[Reported], Note], reported: Reported) -> Note:
    """State a verdict, or why none can be given."""
    try:
        return judge(reported)
    except PartialPoolError as error:
        return Note(f"{subject}: not judged. {error.wrong} (here: {error.got}; needed: {error.allowed}).")


def _fit_to_data(reported: Reported) -> Note:
    findings = [f for f in reported.fit_findings if is_predictive(f)]
    failed = [f"{f.check} ({f.found})" for f in findings if not f.good]
    if failed:
        return Note(f"Fit to the data: {listed(failed)} differ from data simulated from the model; see below.", "bad")
    judged = [f.check for f in findings if f.judged]
    if not judged:
        reasons = listed(list(dict.fromkeys(f.found for f in findings)))
        return Note(f"Fit to the data: {reasons or 'no check applies'}.")
    return Note(f"Fit to the data: good in what was checked ({listed(judged)}).", "good")


def _of_the_table(reported: Reported) -> tuple[Note, ...]:
    """State the findings on the table and the design that need attention, if any."""
    try:
        findings = reported.fit_findings
    except PartialPoolError:  # the verdict on the fit has already stated it
        return ()
    failed = [f"{f.check} ({f.found})" for f in findings if not f.good and not is_predictive(f)]
    return (Note(f"Needs attention: {listed(failed)}; see below.", "bad"),) if failed else ()


def _priors(reported: Reported) -> Note:
    moved = reported.moved_answers
    if moved:
        depend, these = ("depends", "it") if len(moved) == 1 else ("depend", "these")
        return Note(f"Priors: {listed(list(moved))} {depend} on them; see below before you rely on {these}.", "bad")
    if near := reported.doubtful_answers:
        are = "is" if len(near) == 1 else "are"
        return Note(
            f"Priors: {listed(list(near))} {are} near the threshold at which they count as sensitive; see below."
        )
    return Note("Priors: no estimate changes noticeably under slightly stronger or weaker priors.", "good")


def _ratio(reported: Reported, name: str) -> str:
    """Return the exponential of a coefficient with its name, `, odds ratio 0.61 (0.41 to 0.90)`; empty without one."""
    ratio = scale_of(reported.fit, "").ratio
    if not ratio or not reported.fit.spec.link_record.coefficient_ratio:
        return ""
    middle, low, high = ratio_cells(reported, name)
    return f", {ratio} {middle} ({low} to {high})"


def _estimate(reported: Reported, parameter: str, unit: str = "") -> str:
    digest = reported.digest
    known = parameter not in digest.means_not_known
    columns = ["mean" if known else "median", "conf_low", "conf_high", "sd"]
    value, low, high, sd = digest.frame.loc[[parameter], columns].to_numpy(dtype=float)[0]
    middle, lower, upper = estimate_cells((value, low, high), sd if known else MEDIAN.spread(digest.draws[parameter]))
    if not known:
        return f"{middle}{f' {unit}' if unit else ''} ({MEDIAN.name}; {lower} to {upper})"
    return f"{middle}{f' {unit}' if unit else ''} ({lower} to {upper})"

"""Summary of a fit: tables of its parameters, its ICC, and the verdict of the diagnostics."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors
from partialpool.design.labels import without_reference
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.design.truncation import truncation_in_words
from partialpool.fitting.convergence import Verdict, judge
from partialpool.fitting.rubin import pool
from partialpool.fitting.summary_lines import (
    Line,
    factor_lines,
    joined_lines,
    predictor_common_lines,
    predictor_component_lines,
    residual_lines,
    threshold_common_lines,
)
from partialpool.fitting.variance import intraclass_correlation
from partialpool.intervals import DEFAULT_PROB, central_ends, end_names
from partialpool.names import BETA, SIGMA
from partialpool.sampling.run_record import RunRecord
from partialpool.tabulate import TextTable, fixed

__all__ = ["Digest"]

_TOO_NARROW = 0.02
"""Share by which intervals of mixed draws may be narrower than Rubin's without a line that says so."""
_LINES = {
    "Completed tables": "completed tables: {}; their draws are mixed",
    "Modelled": "modelled: {}",
    "Reference categories": "reference categories: {}",
    "Left out": "left out, not identified by the rows: {}",
    "Engine": "engine {}",
    "Log evidence": "log evidence {}",
}
"""Printed form of the heading's lines; lines that are not listed print as they are."""


@dataclass(frozen=True, eq=False)
class Digest:
    """Summary of a fit, printed in the style of lme4 and brms, and as HTML in a notebook.

    Attributes
    ----------
    design, tree
        Design and draws of the fit.
    prob
        Probability of the intervals.
    shown
        What the tables write in their first two columns, by the row's name in the frame; other rows have their own.
    designs
        The designs of several completed tables, whose chains follow one another; empty for a fit of one table.
    """

    design: Design
    tree: xr.DataTree
    prob: float = DEFAULT_PROB
    shown: Mapping[str, tuple[str, str]] = MappingProxyType({})
    designs: tuple[Design, ...] = ()

    def with_prob(self, prob: float) -> "Digest":
        """Return the same summary with intervals of another probability.

        Raises
        ------
        SpecError
            `prob` is not between 0 and 1.
        """
        central_ends(prob)
        return self if prob == self.prob else replace(self, prob=prob)

    def with_names(self, shown: Mapping[str, tuple[str, str]]) -> "Digest":
        """Return the same summary, whose tables write other names for some rows."""
        return replace(self, shown=shown) if shown else self

    @cached_property
    def _posterior(self) -> xr.Dataset:
        return self.tree["posterior"].to_dataset()

    @cached_property
    def verdict(self) -> Verdict:
        """Verdict of the diagnostics."""
        return judge(self.tree, one_sided=one_sided_in_words(self.design))

    @property
    def heading(self) -> dict[str, str]:
        """Formula, data, categories, engine and evidence, by name; lines that do not apply are left out."""
        design, run = self.design, RunRecord.of(self.tree)
        censoring = design.response.censoring
        levels = {f.name: f.how_many for f in design.grouping}
        if design.residual is not None and design.residual.series is not None:
            levels.setdefault(design.residual.series.stated.gr, f"{len(design.residual.series.labels)} series")
        sizes = "; ".join(f"{name} {how_many}" for name, how_many in levels.items())
        dropped = design.n_given - design.n_rows
        sampler = f" ({run.sampler})" if run.sampler else ""
        sizes_of = self._posterior.sizes
        chains = f"{sizes_of['chain']} chains x {sizes_of['draw']} draws"
        cut = " (interrupted)" if run.interrupted else ""
        stated = run.settings.get("seed")
        seed = "" if stated is None else f", seed {stated}"
        seconds = "" if run.seconds is None else f", {run.seconds:.1f} s"
        evidence = ""
        if run.evidence is not None:
            evidence = f"{fixed(run.evidence[0], 2)} (Monte Carlo se {run.evidence[1]:.3f})"
        found = {
            "Model": f"{design.spec}",
            "Data": f"{design.n_rows} rows{f' ({dropped} dropped)' if dropped else ''}{'; ' + sizes if sizes else ''}",
            "Censored": "" if censoring is None else censoring.in_words(design.response.values),
            "Truncated": "" if design.spec.trunc is None else truncation_in_words(design.spec.trunc),
            "Updated": run.prior_rows,
            "Completed tables": f"{run.tables}, which differ in {', '.join(run.imputed)}" if run.tables > 1 else "",
            "Modelled": design.response.success,
            "Reference categories": design.references,
            "Left out": ", ".join(design.dropped),
            "Engine": f"{run.engine}{sampler}: {chains}{cut}{seed}{seconds}",
            "Log evidence": evidence,
        }
        return {name: text for name, text in found.items() if text}

    @property
    def _heading_lines(self) -> list[str]:
        return [_LINES.get(name, "{}").replace("{}", text) for name, text in self.heading.items()]

    @cached_property
    def tables(self) -> tuple[TextTable, ...]:
        """Group standard deviations and correlations, fixed effects, family parameters, ICC."""
        parts = (
            ("Variance components: random (group-level) effects", ("factor", "effect"), self._component_lines),
            ("Fixed effects (population-level)", ("", ""), self._common_lines),
            (self._icc_title, ("", ""), self._icc_lines),
        )
        return tuple(self._table(title, heads, lines) for title, heads, lines in parts if lines)

    @property
    def _lines(self) -> list[Line]:
        return [*self._common_lines, *self._component_lines, *self._icc_lines]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for every parameter except group effects: mean, sd, median, interval, mcse, ESS, R-hat."""
        return pd.DataFrame({line.key: line.statistics(self.prob) for line in self._lines}).T.rename_axis("parameter")

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """Draws of every row of the frame, (chains, draws) each."""
        return {line.key: line.draws for line in self._lines}

    @cached_property
    def missing_in_words(self) -> str:
        """How much information is missing, and whether there are enough tables; empty for a fit of one table."""
        tables = RunRecord.of(self.tree).tables
        if tables == 1:
            return ""
        names, draws = list(self.draws), np.stack(list(self.draws.values()), axis=-1)
        pooled = pool(draws, tables)
        worst, narrow = int(np.argmax(pooled.missing_information)), float(pooled.too_narrow.max())
        found = f"Missing information: up to {pooled.missing_information[worst]:.0%} ({names[worst]})"
        if narrow < _TOO_NARROW:
            return found
        return f"{found}; intervals are up to {narrow:.0%} too narrow with {tables} tables: use more"

    @cached_property
    def means_not_known(self) -> tuple[str, ...]:
        """Rows of the frame whose mean is decided by a few draws, so that the median should be used."""
        return tuple(line.key for line in self._lines if not line.mean_is_known)

    def __str__(self) -> str:
        below = [str(self.verdict), *filter(None, [self.missing_in_words])]
        return "\n".join([*self._heading_lines, *("\n" + str(table) for table in self.tables), "", *below])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heading = "<br>".join(_escape(line) for line in self._heading_lines)
        body = "".join(table._repr_html_() for table in self.tables)
        below = "\n".join([str(self.verdict), *filter(None, [self.missing_in_words])])
        return f"<div><p>{heading}</p>{body}<pre>{_escape(below)}</pre></div>"

    def _table(self, title: str, heads: tuple[str, str], lines: list[Line]) -> TextTable:
        rows, above, names = [], "", ("mean", "median", "sd", *end_names(self.prob), "ESS", "R-hat")
        lines = [replace(line, labels=self.shown.get(line.key, line.labels)) for line in lines]
        unknown = [" ".join(filter(None, line.labels)) for line in lines if not line.mean_is_known]
        columns = [k for k, head in enumerate(names) if unknown or head != "median"]
        notes = (f"a few draws decide the mean and sd of {', '.join(unknown)}: read the median",) if unknown else ()
        for line in lines:
            first, second = line.labels
            shown = "" if first == above and first else first
            above = first
            rows.append((shown, second, *(cell for k, cell in enumerate(line.cells(self.prob)) if k in columns)))
        headers = tuple(names[k] for k in columns)
        if not any(row[1] for row in rows):
            return TextTable((heads[0], *headers), tuple((r[0], *r[2:]) for r in rows), title=title, notes=notes)
        return TextTable((*heads, *headers), tuple(rows), title=title, notes=notes)

    @cached_property
    def _component_lines(self) -> list[Line]:
        lines = [line for factor in self.design.factors for line in factor_lines(factor, self._posterior)]
        for name, other in self.design.parameters.items():
            lines += predictor_component_lines(name, other, self._posterior)
        for joined in joined_factors(self.design):
            lines += joined_lines(joined, self._posterior)
        for name, _ in self.design.spec.family_record.parameters:
            if name == "cutpoints":
                continue
            if name == SIGMA and self.design.residual is not None:
                lines += residual_lines(self.design.residual, self._posterior)
            elif name in self._posterior:
                label = "residual" if name == "sigma" else "family"
                lines.append(Line((label, name), name, self._posterior[name].to_numpy()))
        return self._within_tables(lines)

    @cached_property
    def _common_lines(self) -> list[Line]:
        lines = []
        if "cutpoints" in self._posterior:
            cutpoints = self._posterior["cutpoints"]
            labels = [str(label) for label in cutpoints["cutpoint"].to_numpy()]
            lines += [
                Line((label, ""), f"cutpoints[{label}]", cutpoints.to_numpy()[..., i]) for i, label in enumerate(labels)
            ]
        if BETA in self._posterior:
            beta = self._posterior[BETA].to_numpy()
            coefs = self.design.common.coefs
            lines += [Line((without_reference(c), ""), f"{BETA}[{c}]", beta[..., i]) for i, c in enumerate(coefs)]
        for name, other in self.design.parameters.items():
            if name not in self.design.thresholds:
                lines += predictor_common_lines(name, other, self._posterior)
        lines += threshold_common_lines(self.design, self._posterior)
        return self._within_tables(lines)

    @cached_property
    def _icc(self) -> tuple[dict[str, np.ndarray], str] | None:
        designs = self.designs or (self.design,)
        each = self._posterior.sizes["chain"] // len(designs)
        parts = [self._posterior.isel(chain=slice(k * each, (k + 1) * each)) for k in range(len(designs))]
        found = [intraclass_correlation(part, design) for part, design in zip(parts, designs, strict=True)]
        known = [one for one in found if one is not None]
        if not known:
            return None
        return {name: np.concatenate([shares[name] for shares, _ in known]) for name in known[0][0]}, known[0][1]

    @property
    def _icc_title(self) -> str:
        scale = f", {self._icc[1]}" if self._icc and self._icc[1] else ""
        averaged = ", averaged over the rows" if any(len(f.names) > 1 for f in self.design.grouping) else ""
        return f"ICC (share of the variance{averaged}{scale})"

    @cached_property
    def _icc_lines(self) -> list[Line]:
        shares = {} if self._icc is None else self._icc[0]
        return self._within_tables([Line((name, ""), f"icc[{name}]", draws) for name, draws in shares.items()])

    def _within_tables(self, lines: list[Line]) -> list[Line]:
        """Let the chains of each completed table be judged by themselves."""
        tables = RunRecord.of(self.tree).tables
        return lines if tables == 1 else [replace(line, tables=tables) for line in lines]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""Names of a model as reports and pictures write them: as in the formula, or with the labels that the user gave.

Every section of a report writes names by a `NamesShown`: names of columns, factors and parameters by its methods,
sentences that a question wrote by `told`, and answers, before they are drawn, by `relabelled`. Plots that are given a
fit do the same with the fit's own labels.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import xarray as xr

from partialpool.design.design import Design
from partialpool.design.label_names import parts_by_name
from partialpool.design.labels import mean_by_name, mean_on_axis, predicted_quantity, predictor_on_axis
from partialpool.design.units import UNITS, Units
from partialpool.fitting.convergence import Finding
from partialpool.fitting.predictor_of_fit import PARAMETER
from partialpool.labels.labels import Labels
from partialpool.labels.parameters_in_words import parameters_in_words
from partialpool.model.prior_set import PriorSet
from partialpool.names import (
    BETA,
    COEF,
    ICC,
    INTERCEPT,
    b_name,
    corr_name,
    sd_name,
)
from partialpool.questions.check import LEVELS_OF, MEANS_OF, SPREADS_WITHIN, TREND_OF
from partialpool.questions.power_scale import PowerScaling
from partialpool.tabulate import TextTable

__all__ = ["NamesShown"]

_HELD: Final = ("=", " (each level's own)", " (averaged over the rows)")
"""What follows a column's name where an answer states the values at which it holds other predictors."""
_END: Final = r"(?!\w)"


@dataclass(frozen=True)
class NamesShown:
    """What a report or a picture writes for each name of a model.

    Attributes
    ----------
    design
        The model.
    labels
        The user's labels; None where every name is written as in the formula. With labels, the other names are written
        as `table` writes them: `period: 2` for `period[2]`.
    """

    design: Design
    labels: Labels | None = None

    @property
    def response(self) -> str:
        """What the response is called."""
        written, name = self.design.spec.response, self.design.response.name
        if self.labels is None:
            return name
        return self.labels.plain(written if written in self.labels.given else name)

    @property
    def quantity(self) -> str:
        """What predictions are: `mean of Yield`, `probability of hits`."""
        return predicted_quantity(self.design, self.response)

    def column(self, name: str) -> str:
        """Name a column of the table."""
        return name if self.labels is None else self.labels.plain(name)

    def factor(self, name: str) -> str:
        """Name a grouping factor."""
        return name if self.labels is None else self.labels.factor(name)

    def expression(self, text: str) -> str:
        """Write an expression of columns, such as an offset."""
        return text if self.labels is None else self.labels.expression(text)

    def category(self, name: str) -> str:
        """Name a category: of an ordered response, a stratum, a visit."""
        return name if self.labels is None else self.labels.plain(name)

    def coefficient(self, name: str) -> str:
        """Name a fixed effect, or an effect that varies.

        Examples
        --------
        >>> from partialpool.datasets.load import load_dataset
        >>> from partialpool.design.build import build_design
        >>> from partialpool.spec.model import ModelSpec
        >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
        >>> design = build_design(spec, load_dataset("sleepstudy"))
        >>> labels = Labels({"Days": "Days awake"})
        >>> NamesShown(design, labels).coefficient("Days"), NamesShown(design).coefficient("Days")
        ('Days awake', 'Days')
        """
        return name if self.labels is None else self.labels.coefficient(name, parts_by_name(self.design).get(name, ()))

    @property
    def rows(self) -> Mapping[str, tuple[str, str]]:
        """What to write in the first two columns of the summary's tables, by the row's name; empty without labels."""
        return {} if self.labels is None else dict(self._rows(self.labels))

    @property
    def in_words(self) -> "NamesShown":
        """The same names as a paper writes them, where there are no labels too: `period: 2` for `period[2]`."""
        return self if self.labels is not None else replace(self, labels=Labels({}))

    @property
    def written(self) -> Labels:
        """The labels; without any, those that write names as a paper does."""
        return Labels({}) if self.labels is None else self.labels

    @property
    def references(self) -> str:
        """The reference category of each column, as text; empty where there is none."""
        return ", ".join(filter(None, map(self.reference, self.design.categories)))

    def reference(self, column: str) -> str:
        """Write the reference category of a column: `Treatment = placebo`; empty where it has none."""
        known = self.design.categories[column]
        if self.labels is None or known.reference is None:
            return known.in_words
        return known.in_words.replace(
            f"{column} = {known.reference}", self.labels.reference(column, known.reference), 1
        )

    def finding(self, finding: Finding) -> Finding:
        """Return a finding with the labels; its remedy, which is advice in code, keeps the names of the model."""
        return replace(finding, check=self.told(finding.check), found=self.told(finding.found))

    def parameter(self, name: str) -> str:
        """Name a parameter, or all parameters of one kind: `sd of Days awake over Participant` for `sd_Subject[Days]`.

        Examples
        --------
        >>> from partialpool.datasets.load import load_dataset
        >>> from partialpool.design.build import build_design
        >>> from partialpool.spec.model import ModelSpec
        >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
        >>> names = NamesShown(build_design(spec, load_dataset("sleepstudy")), Labels({"Days": "Days awake"}))
        >>> [names.parameter(name) for name in ("beta[Days]", "sd_Subject[Days]", "corr_Subject", "sigma")]
        ['coefficient of Days awake', 'sd of Days awake over Subject', 'correlations over Subject', 'residual sd']
        """
        return self._parameters.get(name, name)

    def prior_table(self, priors: PriorSet) -> TextTable:
        """Return the table of the priors; its indented rows are marginals of a joint prior."""
        table = priors.table
        rows = tuple(
            (f"{' ' * (len(name) - len(name.strip()))}{self.parameter(name.strip())}", *others)
            for name, *others in table.rows
        )
        return replace(table, rows=rows, notes=tuple(map(self.told, table.notes)))

    def told(self, text: str) -> str:
        """Write the labels into text that a question wrote: a finding, a sentence, the values of other predictors.

        Names are replaced only where the package writes them in a known phrase (`means of Subject`, `Days=4.5`), so
        that a column called `of` does no harm. Formulas and code keep the names of the model.
        """
        if self.labels is None or not text:
            return text
        return self._pattern.sub(lambda found: self._phrase(found[0]), text)

    def column_or_factor(self, name: str) -> str:
        """Name a column of the table or a grouping factor, as a coordinate of rows is one or the other."""
        return self.factor(name) if name in self._factors and name not in self._columns else self.column(name)

    def relabelled[Answer: (xr.Dataset, xr.DataTree, PowerScaling)](self, answer: Answer) -> Answer:
        """Return an answer with the labels, as its plot and its caption write them.

        Units, which are found by the names of the model, are stated for the labels too.
        """
        if self.labels is None:
            return answer
        if isinstance(answer, PowerScaling):
            return self._scaling(answer)
        if isinstance(answer, xr.DataTree):
            nodes = {node.path: self._dataset(node.to_dataset(inherit=False)) for node in answer.subtree}
            return xr.DataTree.from_dict(nodes)
        return self._dataset(answer)

    def _scaling(self, found: PowerScaling) -> PowerScaling:
        frame = found.frame.rename(index=self.parameter, columns=self.parameter)
        errors = found.errors.rename(index=self.parameter, columns=self.parameter)
        return replace(found, frame=frame.assign(diagnosis=frame["diagnosis"].map(self.told)), errors=errors)

    def _dataset(self, answer: xr.Dataset) -> xr.Dataset:
        of = str(answer.attrs.get(PARAMETER))
        if of in self.design.parameters:  # its effects are named by its own predictor, and have no units
            own = replace(self, design=self.design.parameters[of])._written_dataset(answer)
            units = replace(Units.of_answer(own.attrs), effects={})
            return own.assign_attrs({PARAMETER: self.category(of), UNITS: units.as_text()})
        return self._written_dataset(answer)

    def _written_dataset(self, answer: xr.Dataset) -> xr.Dataset:
        shown = answer.copy()
        for name, naming in self._namings.items():
            if name in shown.coords and shown[name].dims == (name,):
                attrs = shown[name].attrs
                values = [naming(str(v)) for v in shown[name].to_numpy()]
                shown = shown.assign_coords({name: xr.Variable(name, values, attrs)})
        for variable in shown.variables.values():
            for attr in ("long_name", "along"):
                if variable.attrs.get(attr) in (*self._columns, *self._factors):
                    variable.attrs = variable.attrs | {attr: self.column_or_factor(variable.attrs[attr])}
        shown.attrs = self._with_categories(shown.attrs)
        for variable in shown.variables.values():
            variable.attrs = self._with_categories(variable.attrs)
        for name, write in self._writers.items():
            if isinstance(shown.attrs.get(name), str):
                shown.attrs[name] = write(shown.attrs[name])
        return shown

    def _with_categories(self, attrs: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return attributes with the labels of the categories of an ordered response."""
        categories = attrs.get("categories", ())
        named = {"categories": [self.category(str(name)) for name in categories]} if len(categories) > 2 else {}
        return {**attrs, **named}

    @property
    def _namings(self) -> Mapping[str, Callable[[str], str]]:
        """How the values of an answer's coordinates are written."""
        return {
            "effect": self.coefficient,
            COEF: self.coefficient,
            "factor": self._one_factor,
            "part": self._one_factor,
            "category": self.category,
            "term": self._of_factor,
            "pair": self._of_factor,
        }

    def _one_factor(self, name: str) -> str:
        return self.factor(name) if name in self._factors else name

    def _of_factor(self, name: str) -> str:
        """Name an effect or two of a factor: `Participant: Intercept, Days awake` for `Subject: Intercept, Days`."""
        return self._terms.get(name, name)

    @property
    def _writers(self) -> Mapping[str, Callable[[str], str]]:
        """How the attributes of an answer are written."""
        means = {of(self.design): of(self._named_design) for of in (predictor_on_axis, mean_on_axis)}
        factors, binary = self._factors, self.design.response.is_binary
        whole = {
            "response": lambda _: self.response,
            "expected": lambda _: mean_by_name(self._named_design),
            "effect": self.coefficient,
            UNITS: self._units,
        }
        names = {
            **dict.fromkeys(("factor", "levels"), lambda v: ", ".join(map(self._one_factor, v.split(", ")))),
            **dict.fromkeys(("over", "along", "long_name"), self.column),
            **dict.fromkeys(("mean", "predictor", "lines"), lambda v: means.get(v, v)),
            **dict.fromkeys(("held", "origin", "rows", "finding", "sentence"), self.told),
        }
        kinds = {
            "kind": lambda v: f"{', '.join(map(self.factor, factors))}: {v.rsplit(': ', 1)[1]}" if ": " in v else v
        }
        return whole | names | kinds | ({"expectation": lambda _: self.quantity} if binary else {})

    def _units(self, value: str) -> str:
        """State the units of columns and effects under their labels."""
        units = Units.of_answer({UNITS: value})
        names = [*self.design.common.coefs, *(effect for factor in self.design.grouping for effect in factor.names)]
        known, scale = units.of_effects(names), self.design.spec.link_record.unit_in_words
        if scale and not known:  # a category's effect is a difference, a predictor's is one per unit
            known = {name: scale if name.endswith("]") else f"{scale} per unit" for name in names if name != INTERCEPT}
        effects = {self.coefficient(name): self.told(unit) for name, unit in known.items()}
        columns = {**units.columns} | {self.column(name): unit for name, unit in units.columns.items()}
        return replace(units, columns=columns, effects=effects).as_text()

    @cached_property
    def _named_design(self) -> Design:
        return replace(self.design, response=replace(self.design.response, name=self.response))

    @property
    def _factors(self) -> tuple[str, ...]:
        return tuple(factor.name for factor in self.design.grouping)

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        """Columns of predictors."""
        return tuple(dict.fromkeys(map(str, self.design.frame.columns)))

    @cached_property
    def _parameters(self) -> Mapping[str, str]:
        """Parameters in words, by name; empty without labels."""
        return {} if self.labels is None else dict(parameters_in_words(self.design, self.labels))

    @cached_property
    def _terms(self) -> Mapping[str, str]:
        """Effects and pairs of effects of each factor, as `singularity` names them, with labels."""
        found = {}
        for factor in self.design.grouping:
            of = self.factor(factor.name)
            for a in factor.names:
                found[f"{factor.name}: {a}"] = f"{of}: {self.coefficient(a)}"
                for b in factor.names:
                    found[f"{factor.name}: {a}, {b}"] = f"{of}: {self.coefficient(a)}, {self.coefficient(b)}"
        return found

    @cached_property
    def _phrases(self) -> Mapping[str, str]:
        """Phrases with names in what questions write, and the same phrases with labels."""
        design, column = self.design, self.column
        found = {name: word for name, word in self._parameters.items() if name.endswith("]") or "_" in name}
        for name in self._columns:
            found |= {f"{name}{end}": f"{column(name)}{end}" for end in _HELD}
            reference = design.categories[name].in_words if name in design.categories else ""
            if reference:
                found[reference] = self.reference(name)
        for parts in parts_by_name(design).values():
            numbers = [part for part in parts if not part.name.endswith("]")]
            if numbers:
                names = " × ".join(self.coefficient(part.name) for part in numbers)
                found[f"per unit of {':'.join(part.name for part in numbers)}"] = f"per unit of {names}"
        for factor in design.grouping:
            name, of = factor.name, self.factor(factor.name)
            for phrase in (LEVELS_OF, MEANS_OF, SPREADS_WITHIN):
                found[phrase.format(name)] = phrase.format(of)
            found[f"{factor.n_levels} of {name}"] = f"{factor.n_levels} of {of}"
            found |= {TREND_OF.format(c, name): TREND_OF.format(column(c), of) for c in self._columns}
            for a in factor.names:
                label = self.coefficient(a)
                found[f"{a} varies over {name}"] = f"{label} varies over {of}"
                found[f"{a} over {name}"] = f"{label} over {of}"
                for b in factor.names:
                    found[f"{a}, {b} over {name}"] = f"{label}, {self.coefficient(b)} over {of}"
        grades = design.response.categories if design.spec.family_record.has_cutpoints else ()
        return found | {f"category {grade}": f"category {self.category(grade)}" for grade in grades}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any of the phrases, the longest first, as whole words; and group effects of levels."""
        longest = sorted(self._phrases, key=len, reverse=True)
        known = [f"{re.escape(phrase)}{_END if phrase[-1].isalnum() else ''}" for phrase in longest]
        effects = [
            rf"{re.escape(b_name(f.name))}\[[^\n]+?, {re.escape(e)}\]" for f in self.design.grouping for e in f.names
        ]
        return re.compile(rf"(?<!\w)(?:{'|'.join([*known, *effects])})")

    def _phrase(self, found: str) -> str:
        if found in self._phrases:
            return self._phrases[found]
        for factor in self.design.grouping:
            start = f"{b_name(factor.name)}["
            for effect in factor.names:
                if found.startswith(start) and found.endswith(f", {effect}]"):
                    level = found.removeprefix(start).removesuffix(f", {effect}]")
                    return f"{self.coefficient(effect)} of {self.factor(factor.name)} {level}"
        return found

    def _rows(self, labels: Labels) -> Iterator[tuple[str, tuple[str, str]]]:
        for name in self.design.common.coefs:
            yield f"{BETA}[{name}]", (self.coefficient(name), "")
        grades = self.design.response.categories if self.design.spec.family_record.has_cutpoints else ()
        for low, high in pairwise(grades):
            yield f"cutpoints[{low}|{high}]", (labels.cutpoint(f"{low}|{high}", low, high), "")
        yield from self._rows_of_thresholds(labels)
        for factor in self.design.factors:
            name, of = factor.name, self.factor(factor.name)
            for curve in dict.fromkeys(factor.curves):
                yield f"{sd_name(name)}[{curve}]", (of, curve)
            if factor.is_smooth:
                continue
            yield f"{ICC}[{name}]", (of, "")
            for place, told in (("", ""), ("_at_means", ", at the means")):
                for effect in factor.names:
                    yield f"{sd_name(name)}{place}[{effect}]", (of, f"{self.coefficient(effect)}{told}")
                for a in factor.names:
                    for b in factor.names:
                        both = f"corr({self.coefficient(a)}, {self.coefficient(b)}){told}"
                        yield f"{corr_name(name)}{place}[{a}, {b}]", (of, both)
        for name, _ in self.design.spec.family_record.parameters:
            if name in labels.given:
                yield name, ("residual" if name == "sigma" else "family", labels.plain(name))

    def _rows_of_thresholds(self, labels: Labels) -> Iterator[tuple[str, tuple[str, str]]]:
        for name, (low, high) in zip(self.design.thresholds, pairwise(self.design.response.categories), strict=False):
            where = labels.cutpoint(f"{low}|{high}", low, high)
            for coef in self.design.parameters[name].common.coefs:
                yield f"{BETA}_{name}[{coef}]", (f"{self.coefficient(coef)}, at {where}", "")

"""Names of a model as a report writes them: as in the formula, or with the labels that the user gave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import xarray as xr

from partialpool.design.design import Design
from partialpool.names import BETA, ICC, corr_name, sd_name
from partialpool.reporting.tables.labels import Labels, parts_by_name
from partialpool.reporting.wording import predicted_quantity

__all__ = ["NamesShown"]


@dataclass(frozen=True)
class NamesShown:
    """What a report writes for each name of a model.

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

    def category(self, name: str) -> str:
        """Name a category of an ordered response."""
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

    def relabelled(self, answer: xr.Dataset) -> xr.Dataset:
        """Return an answer whose plot has the labels: of response, factor, effects, parts and columns.

        Units, which are found by the names of the model, have to be looked up before.
        """
        if self.labels is None:
            return answer
        shown = answer.copy()
        for name, naming in (
            ("effect", self.coefficient),
            ("factor", self.factor),
            ("part", self._part),
            ("category", self.category),
        ):
            if name in shown.coords and shown[name].dims == (name,):
                shown = shown.assign_coords({name: (name, [naming(str(v)) for v in shown[name].to_numpy()])})
        for coordinate in map(str, shown.coords):
            column = str(shown[coordinate].attrs.get("long_name", ""))
            if column:
                shown[coordinate].attrs["long_name"] = self.column(column)
        shown.attrs["response"] = self.response
        if "factor" in shown.attrs:
            shown.attrs["factor"] = self.factor(shown.attrs["factor"])
        if self.design.response.is_binary and "expectation" in shown.attrs:
            shown.attrs["expectation"] = self.quantity
        if self.design.factors and ": " in str(shown.attrs.get("kind", "")):
            names = ", ".join(self.factor(factor.name) for factor in self.design.factors)
            shown.attrs["kind"] = f"{names}: {str(shown.attrs['kind']).rsplit(': ', 1)[1]}"
        return shown

    def _part(self, name: str) -> str:
        return self.factor(name) if name in {factor.name for factor in self.design.factors} else name

    def _rows(self, labels: Labels) -> Iterator[tuple[str, tuple[str, str]]]:
        for name in self.design.common.coefs:
            yield f"{BETA}[{name}]", (self.coefficient(name), "")
        grades = self.design.response.categories if self.design.spec.family_record.has_cutpoints else ()
        for low, high in pairwise(grades):
            yield f"cutpoints[{low}|{high}]", (labels.cutpoint(f"{low}|{high}", low, high), "")
        for factor in self.design.factors:
            name, of = factor.name, self.factor(factor.name)
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

"""The response as text: its values as expressions of the table, its family's parameters, and its distribution.

The distribution is what `Family.register` does, with text in place of tensors: there is no second description of any
family.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, override

import pandas as pd

from partialpool.design.design import Design
from partialpool.design.labels import observed_name
from partialpool.design.response import Response
from partialpool.families.censored import register_bounded
from partialpool.families.twin import TensorGiven
from partialpool.model.prior_set import PriorSet
from partialpool.names import CUTPOINT, OBS, SIGMA
from partialpool.pymc_model.source.code import Code, listed, named, number, written
from partialpool.pymc_model.source.columns import Column, as_expression, chosen, stored_column, table_column
from partialpool.pymc_model.source.known_bounds import array_lines, known_of_rows
from partialpool.pymc_model.source.layout import Lambda, commented
from partialpool.pymc_model.source.names import OF_THE_MEAN, PredictorNames
from partialpool.pymc_model.source.piece import Piece, let, prior_reasons, read_by, statement
from partialpool.pymc_model.source.priors import PM, PT, scalar_variable, stated
from partialpool.pymc_model.source.residual import given_earlier

__all__ = ["WrittenGiven", "likelihood", "offset_piece"]

_CUTPOINTS = "cutpoints"


@dataclass(frozen=True, eq=False)
class WrittenGiven(TensorGiven):
    """What a response is conditional on, as text."""

    @override
    def named(self, name: str, tensor: Any) -> Any:
        return named(name, tensor)

    @override
    def custom(self, arguments: Mapping[str, Any], log_density: Callable[..., Any], new: Callable[..., Any]) -> Any:
        """Write both functions as lambdas."""
        names = ", ".join(arguments)
        inner = {name: Code(name) for name in arguments}
        of_value = Code(Lambda(f"lambda value, {names}: ", log_density(Code("value"), **inner).node))
        of_new = Code(Lambda(f"lambda {names}, size: ", new(**inner, size=Code("size")).node))
        return PM.CustomDist(self.name, *arguments.values(), dist=of_new, logp=of_value, **self.observed())

    @override
    def observed(self, dtype: str = "float64") -> dict[str, Any]:
        return {"observed": Code("y"), "dims": self.dims}


_given: Any = WrittenGiven
"""With text for its tensors."""


def offset_piece(design: Design, names: PredictorNames = OF_THE_MEAN) -> Piece:
    """Write the offset, the known part of a linear predictor."""
    if design.offset is None:
        return Piece()
    frame, values = design.frame, design.offset
    parts = [as_expression(text, frame) for text in design.spec.offsets]
    known = [part for part in parts if part is not None]
    whole = [reduce(_sum, known)] if len(known) == len(parts) else []
    column = chosen(whole, values) or stored_column(names.stored("offset"), values, frame)
    of = f" of {names.name_of_columns}" if names.suffix_of_columns else ""
    told = f"The offset: the known part of the linear predictor{of}."
    lines = array_lines(names.of_columns("offset"), column, "float", told)
    return Piece(tuple(lines), (), *read_by([column]))


def likelihood(design: Design, priors: PriorSet, eta: Code, shift: Code | None, known: Mapping[str, Code]) -> Piece:
    """Write the response and its distribution.

    Parameters
    ----------
    design, priors
        The model.
    eta
        The linear predictor.
    shift
        What the predictors' means add to it; None where that is zero.
    known
        The parameters of the family that exist already, such as the residual sd of each row.
    """
    family = design.spec.family_record
    columns = {"y": _response(design)}
    before = array_lines("y", columns["y"], "int" if family.support.is_whole else "float", "The response.")
    trials = None
    if design.response.trials is not None:
        trials = Code("trials")
        columns["trials"] = _trials(design)
        before += array_lines("trials", columns["trials"], "int", "The number of trials of each row.")
    inside: list[str] = []
    parameters: dict[str, Any] = dict(known)
    for name, _ in family.parameters:
        if name == _CUTPOINTS:
            inside += _cutpoints(design, priors, shift)
            parameters[name] = Code("cutpoints_at_means")
        elif name in priors and name not in parameters:
            inside += ["", *prior_reasons(priors, [name])]
            inside += let(name, scalar_variable(name, stated(priors, [name], [name])[0]), 2)
            parameters[name] = Code(name)
    if design.se is not None:
        columns["se"] = table_column(design.spec.se or "", design.frame)
        before += array_lines("se", columns["se"], "float", "The known standard error of each response.")
        parameters[SIGMA] = Code("se")
    if design.precision is not None:
        columns["precision"] = table_column(design.spec.precision or "", design.frame)
        before += array_lines(
            "precision", columns["precision"], "float", "Weights w of the residual variance sigma^2 / w."
        )
        parameters[SIGMA] = parameters[SIGMA] / PT.sqrt(Code("precision"))
    if design.residual is not None and design.residual.series is not None:
        inside += given_earlier(design.residual.series, parameters[SIGMA])
        parameters[SIGMA] = Code("sd")
    response, link = design.response.within_bounds, design.spec.link_record
    given = _given(observed_name(design), OBS, response.values, link, eta, parameters, PM, PT, trials)
    written_out: Any = family.register(given)
    if response.is_bounded:
        found, lines, known = known_of_rows(design)
        before += lines
        columns |= found
        written_out = register_bounded(family, replace(given, **known), response.values, response.other_ends)
    inside += ["", *commented("The response.", indent=2), *statement(written_out, 2)]
    return Piece(tuple(before), tuple(inside), *read_by(columns.values()))


def _sum(one: Column, two: Column) -> Column:
    return Column(one.code + two.code, one.values + two.values, one.reads | two.reads)


def _response(design: Design) -> Column:
    response = design.response.within_bounds
    column = chosen(_candidates(design), response.values)
    return column or stored_column(response.name, response.values, design.frame)


def _candidates(design: Design) -> Iterator[Column | None]:
    """Yield expressions that may give the numbers of the response."""
    term, frame, response = design.spec.response_term, design.frame, design.response
    yield as_expression(term.expression, frame)
    if not term.is_column:
        return
    column = table_column(term.name, frame)
    values = pd.Series(column.values)
    if response.is_binary:
        for label in values.unique().tolist():
            code = column.code.compared("==", written(label, exact=True))
            yield Column(code, values == label, column.reads)
    elif response.categories:
        code = Code("pd").factorize(column.code, sort=True)[0]
        yield Column(code, pd.factorize(values, sort=True)[0], column.reads)
        yield _ordered(column, response, frame[term.name])


def _ordered(column: Column, response: Response, categories: pd.Series) -> Column | None:
    """Return the positions of the categories in their order."""
    if not isinstance(categories.dtype, pd.CategoricalDtype):
        return None
    labels = categories.cat.remove_unused_categories().cat.categories.tolist()
    order = listed(written(label, exact=True) for label in labels)
    code = Code("pd").Index(order).get_indexer(column.code)
    return Column(code, response.values, column.reads)


def _trials(design: Design) -> Column:
    trials, text = design.response.trials, design.spec.response_term.trials
    assert trials is not None
    assert text is not None
    if text.isdigit():
        return Column(Code("np").full(Code("len(table)"), int(text)), trials)
    return chosen([as_expression(text, design.frame)], trials) or stored_column("trials", trials, design.frame)


def _cutpoints(design: Design, priors: PriorSet, shift: Code | None) -> list[str]:
    """Return the lines that create cutpoints from the probabilities of the categories at the predictors' means."""
    count, prior = len(design.response.categories), priors[_CUTPOINTS]
    link: Any = design.spec.probability_link
    lines = ["", *commented("Cutpoints, from the probability of each category.", indent=2)]
    lines += prior_reasons(priors, [_CUTPOINTS])
    concentration = Code("np").full(count, number(prior.arguments["a"], exact=True))
    lines += let("probability", PM.Dirichlet("cutpoints_probability", a=concentration), 2)
    meaning: Any = design.spec.family_record.cutpoints
    chances = named(meaning.chance_name, meaning.tensor_event_chances(Code("probability"), PT))
    lines += let("cutpoints_at_means", link.tensor_forward(chances, PT), 2)
    whole = Code("cutpoints_at_means") if shift is None else Code("cutpoints_at_means") + shift
    return lines + statement(PM.Deterministic(_CUTPOINTS, whole, dims=CUTPOINT), 2)

"""What is known of responses besides their values: censored rows, and bounds of all rows."""

from dataclasses import replace

import pandas as pd

from partialpool.design.censoring import read_censoring
from partialpool.design.response import Response
from partialpool.design.truncation import check_within, read_truncation
from partialpool.spec.model import ModelSpec

__all__ = ["with_known_bounds"]


def with_known_bounds(spec: ModelSpec, response: Response, frame: pd.DataFrame) -> Response:
    """Return a response with its censoring and truncation, where the model states them.

    Parameters
    ----------
    spec, response
        The model, and its response as it was read.
    frame
        The table.

    Raises
    ------
    DataError
        Columns that cannot be read, or responses outside their bounds: see `read_censoring`, `read_truncation` and
        `check_within`.
    """
    term, support, values = spec.response_term, spec.family_record.support, response.values
    whole = support.is_whole
    if spec.cens is not None:
        censoring = read_censoring(spec.cens, term, values, frame, whole=whole)
        response = replace(response, censoring=censoring)
    if spec.trunc is not None:
        bounds = read_truncation(spec.trunc, support, frame)
        check_within(term, spec.trunc, values, response.censoring, bounds=bounds, index=frame.index, whole=whole)
        response = replace(response, truncation=bounds)
    return response

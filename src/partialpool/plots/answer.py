"""A picture is drawn of an answer: who passes the fit itself is told which question to ask first."""

from collections.abc import Callable
from functools import wraps

from partialpool.errors import DataError
from partialpool.fitting.fit import Fit

__all__ = ["draws_answer_of"]


def draws_answer_of[**P, R](question: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse a fit in the place of an answer.

    Parameters
    ----------
    question
        Whose answer the picture takes, a public function's name.
    """

    def decorate(draw: Callable[P, R]) -> Callable[P, R]:
        @wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if any(isinstance(value, Fit) for value in (*args, *kwargs.values())):
                name = getattr(draw, "__name__", "plot")
                raise DataError(
                    "a picture is drawn of an answer, not of a fit",
                    got="a fit",
                    allowed=f"what pp.{question} returns",
                    do=f"ask first: pp.{name}(pp.{question}(fit))",
                )
            return draw(*args, **kwargs)

        return checked

    return decorate

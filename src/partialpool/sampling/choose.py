"""Choice of the engine: the first that applies, unless another is predicted to take clearly less time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Final

from partialpool.design.design import Design
from partialpool.errors import EngineError, nearest
from partialpool.sampling.engine import Engine, EngineOfMoments
from partialpool.sampling.forecast import (
    Forecast,
    forecast_collapsed,
    forecast_gibbs,
    forecast_nuts,
    forecast_pymc,
)
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

__all__ = ["ENGINES", "EngineCard", "choose_engine", "load_engine", "load_engine_of_moments", "weigh_engines"]

_SOON: Final = 10.0
"""Predicted seconds below which the times are not compared."""
_BY_NUTS: Final = (
    "All parameters were sampled by the no-U-turn sampler (Hoffman & Gelman 2014, Journal of Machine Learning "
    "Research 15:1593-1623)"
)
_BY_PYMC: Final = f"{_BY_NUTS} of a PyMC model (Abril-Pla et al. 2023, PeerJ Computer Science 9:e1516)"


@dataclass(frozen=True)
class EngineCard:
    """The properties of an engine that are known before it is loaded: PyMC and nutpie are loaded only when needed.

    Attributes
    ----------
    path
        Module in which its class is defined.
    method
        What it does, as the beginning of a sentence in the methods section of a paper, with the source.
    method_without_effects
        The same for a model without group effects and smooths.
    forecast
        Function that predicts the processor seconds of a run; None of a design for which it is never chosen unasked.
    patience
        How many times longer than a later engine it may be predicted to take and still be preferred: its draws are
        closer to independent.
    handicap
        Factor on its predicted time where it is weighed against engines that give evidence, for what its runs lack: the
        log evidence, and refits that are cheap.
    gives_evidence
        Whether its runs estimate log p(y).
    refits_cheaply
        Whether a fit takes so little time that other functions may repeat it dozens of times without a request.
    warms_up
        Whether its chains have a warm-up whose length is set by `tune`.
    packages
        The packages that it samples with.
    takes_moments
        Whether it needs the moments of the rows only, so that a table can be read in batches.
    takes_every_setting
        Whether it uses all settings of the sampler; otherwise only draws, chains and seed.
    """

    path: str
    method: str
    method_without_effects: str
    forecast: Callable[[Design, Settings], Forecast | None] | None
    patience: float = 1.0
    handicap: float = 1.0
    gives_evidence: bool = False
    refits_cheaply: bool = False
    warms_up: bool = True
    takes_every_setting: bool = True
    packages: tuple[str, ...] = ()
    takes_moments: bool = False


ENGINES: Final[Mapping[str, EngineCard]] = MappingProxyType(
    {
        "collapsed": EngineCard(
            "partialpool.sampling.collapsed:CollapsedEngine",
            "The group effects were integrated out exactly, and drawn from their exact conditional distribution; the "
            "marginal posterior of the other parameters was sampled",
            "The coefficients were integrated out exactly, and drawn from their exact conditional distribution; the "
            "marginal posterior of the other parameters was sampled",
            forecast_collapsed,
            patience=1.3,
            gives_evidence=True,
            refits_cheaply=True,
            warms_up=False,
            takes_every_setting=False,
            takes_moments=True,
        ),
        "nuts": EngineCard(
            "partialpool.sampling.nuts:NutsEngine",
            f"{_BY_NUTS}, in coordinates in which the group effects are nearly independent of the variances",
            _BY_NUTS,
            forecast_nuts,
            patience=6.0,
            gives_evidence=True,
            warms_up=False,
            packages=("nutpie",),
        ),
        "pymc": EngineCard(
            "partialpool.sampling.pymc_nuts:PyMCEngine",
            _BY_PYMC,
            _BY_PYMC,
            forecast_pymc,
            packages=("pymc", "nutpie"),
        ),
        "gibbs": EngineCard(
            "partialpool.sampling.gibbs:GibbsEngine",
            "The effects of one factor at a time were integrated out, the variances and coefficients drawn, and then "
            "these effects (collapsed Gibbs sampling: Papaspiliopoulos, Roberts & Zanella 2020, Biometrika 107:25-40; "
            "slice sampling of the variances: Neal 2003, Annals of Statistics 31:705-767)",
            "The coefficients and sigma were sampled",
            forecast_gibbs,
            handicap=10.0,
            warms_up=False,
            takes_every_setting=False,
            takes_moments=True,
        ),
    }
)
"""Every engine by name, the preferred first; the last is chosen by predicted time alone."""


def load_engine(name: str) -> Engine:
    """Load an engine of `ENGINES`."""
    engine: Engine = resolve_name(ENGINES[name].path)()
    return engine


def load_engine_of_moments(name: str) -> EngineOfMoments:
    """Load an engine that `takes_moments`."""
    engine: EngineOfMoments = resolve_name(ENGINES[name].path)()
    return engine


def choose_engine(spec: ModelSpec, wanted: str = "auto") -> tuple[Engine, str]:
    """Choose an engine.

    `auto` takes the first engine of `ENGINES` whose `why_not(spec)` is empty; `weigh_engines` then compares times.

    Returns
    -------
    Engine, str
        The engine, and the reason in words.

    Raises
    ------
    EngineError
        Unknown name; an engine that does not apply to this model.
    """
    if wanted != "auto":
        if wanted not in ENGINES:
            raise EngineError(
                "unknown engine",
                got=repr(wanted),
                allowed="'auto', " + nearest(wanted, ENGINES),
                do="name one, or use 'auto'",
            )
        engine = load_engine(wanted)
        reason = engine.why_not(spec)
        if reason:
            raise EngineError(
                f"engine {wanted!r} does not apply to this model",
                got=reason,
                allowed="engine='auto'",
                do="use 'auto'",
            )
        return engine, "as requested"
    refused: list[str] = []
    for name in ENGINES:
        engine = load_engine(name)
        reason = engine.why_not(spec)
        if not reason:
            return engine, "; ".join([engine.merit(spec), *refused])
        refused.append(f"{name}: {reason}")
    raise EngineError(
        "no engine applies to this model",
        got="; ".join(refused),
        allowed="a model that one of the engines can draw from: " + ", ".join(ENGINES),
        do="change the model according to the reasons above",
    )


def weigh_engines(preferred: Engine, reason: str, design: Design, settings: Settings) -> tuple[Engine, str]:
    """Keep the preferred engine of `choose_engine(spec)`, unless another that applies will clearly take less time.

    Times are predicted from counts (`sampling/forecast.py`), so that the choice is the same on every machine.

    Returns
    -------
    Engine, str
        The engine, and the reason in words.
    """
    crossed = "" if design.residual is None else design.crossing_factor
    if crossed and preferred.name == "collapsed":
        return load_engine("pymc"), f"collapsed: series of residuals cross the levels of {crossed}"
    if settings.is_for_pymc and preferred.name == "nuts":
        return load_engine("pymc"), "sampler and parametrization are those of the PyMC model"
    ours = _forecast(preferred.name, design, settings)
    if ours is None or ours.seconds < _SOON:
        return preferred, reason
    later = [
        name
        for name in list(ENGINES)[list(ENGINES).index(preferred.name) + 1 :]
        if settings.keep_levels is None or ENGINES[name].takes_moments
    ]
    forecasts = {name: _forecast(name, design, settings) for name in later}
    others = {name: forecast for name, forecast in forecasts.items() if forecast is not None}
    weighed = {name: ENGINES[name].handicap * forecast.seconds for name, forecast in others.items()}
    best = min(weighed, key=lambda name: weighed[name], default=preferred.name)
    if best == preferred.name or ours.seconds <= ENGINES[preferred.name].patience * weighed[best]:
        told = [f"{name} would take about {_about(other.seconds)}" for name, other in others.items()]
        return preferred, "; ".join([reason, *told, f"this about {_about(ours.seconds)}"] if told else [reason])
    if not ENGINES[best].gives_evidence:  # then none is lost by taking the quickest of those without
        best = min((name for name in others if not ENGINES[name].gives_evidence), key=lambda n: others[n].seconds)
    engine = load_engine(best)
    if engine.why_not(design.spec):
        return preferred, reason
    return engine, (
        f"predicted to take about {_about(others[best].seconds)}, and {preferred.name} {_about(ours.seconds)}: "
        f"{ours.because}"
    )


def _forecast(name: str, design: Design, settings: Settings) -> Forecast | None:
    forecast = ENGINES[name].forecast
    return Forecast(float("inf"), "no forecast is available") if forecast is None else forecast(design, settings)


def _about(seconds: float) -> str:
    """Write processor seconds or minutes with two digits; an infinite time means too little memory."""
    if seconds == float("inf"):
        return "more memory than there is"
    return f"{seconds:.2g} s of computing" if seconds < 100 else f"{seconds / 60:.2g} min of computing"

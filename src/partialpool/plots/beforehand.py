"""What the priors say before any data are seen."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.plots.style import GREY, INK, PALETTE, VERMILION, house_style, short
from partialpool.tabulate import number

__all__ = ["plot_prior_predictive"]

_SHOWN = 60
_BINS = 40


def plot_prior_predictive(tree: xr.DataTree, *, unit: str = "") -> Figure:
    """Draw tables that the priors could have made beside the one observed, and the ICC and spread they believe in.

    Parameters
    ----------
    tree
        From `prior_predictive`.
    unit
        Of the response, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
        Left: distribution functions of 60 replicated tables (grey) and of the data (vermilion). Then the prior's sd of
        a response and, where there are groups, its ICC.
    """
    name = tree.attrs["response"]
    replicates = tree["prior_predictive"][name].stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy()
    observed = tree["observed_data"][name].to_numpy()
    derived = tree["derived"].to_dataset() if "derived" in tree.children else xr.Dataset()
    panels = 1 + ("sd" in derived) + ("icc" in derived)
    with house_style():
        figure, axes = plt.subplots(1, panels, figsize=(1.2 + 3.4 * panels, 3.6), squeeze=False)
        _tables(axes[0][0], replicates, observed)
        axes[0][0].set(
            xlabel=f"{short(name)}{f' ({unit})' if unit else ''}", ylabel="share of rows up to here", title="Tables"
        )
        if "sd" in derived:
            _spread(axes[0][1], derived["sd"].to_numpy().ravel())
        if "icc" in derived:
            panel = axes[0][panels - 1]
            for k, factor in enumerate(derived["factor"].to_numpy()):
                values = derived["icc"].sel(factor=factor).to_numpy().ravel()
                panel.hist(
                    values[np.isfinite(values)], _BINS, range=(0, 1), density=True, histtype="step", lw=1.6,
                    color=PALETTE[k % len(PALETTE)], label=short(factor),
                )  # fmt: skip
            panel.set(xlabel="ICC", yticks=[], xlim=(0, 1), title="How alike members of a group are")
            panel.legend(frameon=False)
        share = 100 * float(tree.attrs["implausible"])
        title = f"Before the data: {share:.2g} % are {tree.attrs['implausible_means']}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _tables(panel: Axes, replicates: np.ndarray, observed: np.ndarray) -> None:
    chosen = replicates[np.linspace(0, len(replicates) - 1, min(_SHOWN, len(replicates))).round().astype(int)]
    steps = np.arange(1, len(observed) + 1) / len(observed)
    for k, values in enumerate(chosen):
        panel.step(
            np.sort(values), steps, where="post", color=GREY, lw=0.6, alpha=0.6, label="prior" if k == 0 else "_"
        )
    panel.step(np.sort(observed), steps, where="post", color=VERMILION, lw=2, label="the data")
    finite = chosen[np.isfinite(chosen)]
    low, high = np.quantile(finite, [0.01, 0.99])
    panel.set_xlim(min(low, observed.min()), max(high, observed.max()))
    panel.legend(frameon=False, loc="lower right")


def _spread(panel: Axes, sds: np.ndarray) -> None:
    known = sds[np.isfinite(sds) & (sds > 0)]
    low, high = (float(q) for q in np.quantile(known, [0.005, 0.995]))
    if high < 1.01 * low:  # known standard errors and nothing else
        low, high = low / 2, 2 * high
    panel.hist(known, np.geomspace(low, high, _BINS + 1).tolist(), color=INK, alpha=0.55)
    panel.set_xscale("log")
    ticks = np.geomspace(low, high, 4)  # of less than a decade matplotlib would label none
    panel.set_xticks(ticks, [number(float(tick), 2) for tick in ticks])
    panel.minorticks_off()
    panel.set(xlabel="sd of a response, common effects given", yticks=[], title="How far responses scatter")

"""What `partialpool fit` leaves in a folder: the fit, its table, its pictures."""

from pathlib import Path

from partialpool.errors import FileError
from partialpool.fitting import Fit
from partialpool.plots.forest import plot_group_effects
from partialpool.plots.style import save_figure
from partialpool.reporting.wording import effect_units
from partialpool.summaries.effects import group_effects

__all__ = ["write_bundle"]


def write_bundle(fit: Fit, folder: str | Path) -> list[Path]:
    """Write `fit.nc`, `summary.csv` and a forest plot per factor (`effects_<factor>.png`).

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    FileError
        The folder cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            "cannot make the output folder",
            got=f"{folder}: {error.strerror}",
            allowed="a folder",
            do="name another --out",
        ) from error
    table = folder / "summary.csv"
    fit.digest.frame.to_csv(table, float_format="%.6g")
    written = [fit.save(folder / "fit.nc"), table]
    for factor in fit.design.factors:
        picture = folder / f"effects_{factor.name.replace(':', '_')}.png"
        save_figure(plot_group_effects(group_effects(fit, factor.name), units=effect_units(fit, factor.names)), picture)
        written.append(picture)
    return written

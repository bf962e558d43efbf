"""Write the committed simulated tables and the gallery's kinship matrix; run it after a simulation has changed."""

from pathlib import Path

from partialpool.datasets.simulate.catalogue import SIMULATIONS
from partialpool.datasets.simulate.gene_expression import kinship

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "src" / "partialpool" / "datasets" / "tables"
KINSHIP = ROOT / "models" / "gene_expression_kinship.csv"


def texts() -> dict[Path, str]:
    """Return the content of each file."""
    tables = {TABLES / f"{name}.csv": made.simulate(made.seed).text for name, made in SIMULATIONS.items()}
    return tables | {KINSHIP: kinship().to_csv(float_format="%g", lineterminator="\n")}


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(text) // 1024} kB")

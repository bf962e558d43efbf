"""Run scripts of models where partialpool cannot be imported: `python -I without_package.py folder names`.

Each script of the folder is run, and its model is evaluated at the points of the file beside it; of those that are
named, the point at which a sampler would start is kept too, which takes longer.
"""

import pickle
import runpy
import subprocess
import sys
from pathlib import Path

import pytensor

MODE = pytensor.compile.Mode(linker="py", optimizer=None)


class Blocked:
    """A finder that refuses this package."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "partialpool":
            raise ImportError("a script must not import partialpool")


def evaluate(model, points):
    """Log density and reported variables at points of the value variables; and what the dimensions are labelled."""
    names = [variable.name for variable in model.deterministics]
    outputs = [model.logp(), *model.replace_rvs_by_values(model.deterministics)]
    function = pytensor.function(model.value_vars, outputs, mode=MODE, on_unused_input="ignore")
    found = [function(*[point[v.name] for v in model.value_vars]) for point in points]
    return {
        "free": sorted(v.name for v in model.value_vars),
        "observed": [(v.name, model.named_vars_to_dims.get(v.name)) for v in model.observed_RVs],
        "dims": {name: model.named_vars_to_dims.get(name) for name in names},
        "coords": {name: list(labels) for name, labels in model.coords.items() if labels is not None},
        "density": [float(values[0]) for values in found],
        "reported": [dict(zip(names, values[1:], strict=True)) for values in found],
    }


def run(folder, starts=()):
    """Run this file on a folder, alone; return what each script's model gave, by the name of the script."""
    command = [sys.executable, "-I", __file__, str(folder), *starts]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return {path.stem: pickle.loads(path.read_bytes()) for path in Path(folder).glob("*.found")}


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocked())
    for script in sorted(Path(sys.argv[1]).glob("*.py")):
        model = runpy.run_path(str(script))["model"]
        points = pickle.loads(script.with_suffix(".points").read_bytes())
        found = evaluate(model, points)
        if script.stem in sys.argv[2:]:
            found["start"] = model.initial_point()
        script.with_suffix(".found").write_bytes(pickle.dumps(found))

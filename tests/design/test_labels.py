import pytest

from partialpool.design.labels import coordinates, offset_dims, variable_attrs, variable_dims
from partialpool.errors import DataWarning

MODELS = {
    "y ~ x + (x | g)": (
        {},
        {
            "beta": ("coef",),
            "sd_g": ("g_effect",),
            "corr_g": ("g_effect", "g_effect_bis"),
            "sigma": (),
            "b_g": ("g", "g_effect"),
        },
        {
            "coef": ["Intercept", "x"],
            "g": list("abcdefgh"),
            "g_effect": ["Intercept", "x"],
            "g_effect_bis": ["Intercept", "x"],
        },
    ),
    "y ~ f + (x || g) + (1 | h)": (
        {},
        {
            "beta": ("coef",),
            "sd_g": ("g_effect",),
            "sd_h": ("h_effect",),
            "sigma": (),
            "b_g": ("g", "g_effect"),
            "b_h": ("h", "h_effect"),
        },
        {
            "coef": ["Intercept", "f[v]", "f[w]"],
            "g": list("abcdefgh"),
            "g_effect": ["Intercept", "x"],
            "h": [1, 2, 3, 4],
            "h_effect": ["Intercept"],
        },
    ),
    "y ~ 0 + (1 | f:h)": (
        {"se": "pos"},
        {"sd_f:h": ("f:h_effect",), "b_f:h": ("f:h", "f:h_effect")},
        {
            "f:h": ["u:1", "u:2", "u:3", "u:4", "v:1", "v:2", "v:3", "v:4", "w:1", "w:2", "w:3", "w:4"],
            "f:h_effect": ["Intercept"],
        },
    ),
    "h ~ x + (1 | g)": (
        {"family": "cumulative"},
        {"beta": ("coef",), "sd_g": ("g_effect",), "cutpoints": ("cutpoint",), "b_g": ("g", "g_effect")},
        {"coef": ["x"], "g": list("abcdefgh"), "g_effect": ["Intercept"], "cutpoint": ["1|2", "2|3", "3|4"]},
    ),
    "y ~ x": ({"family": "student_t"}, {"beta": ("coef",), "sigma": (), "nu": ()}, {"coef": ["Intercept", "x"]}),
    "count ~ 1 + (1 | g)": (
        {"family": "negative_binomial"},
        {"beta": ("coef",), "sd_g": ("g_effect",), "alpha": (), "b_g": ("g", "g_effect")},
        {"coef": ["Intercept"], "g": list("abcdefgh"), "g_effect": ["Intercept"]},
    ),
}


@pytest.fixture(params=MODELS)
def labelled(request, table, build):
    options, dims, coords = MODELS[request.param]
    data = table.assign(f=[*"uvw"] * 16) if "f:h" in request.param else table  # every pair of f and h has rows
    return build(request.param, data, **options), dims, coords


def test_variables_and_their_dimensions(labelled):
    design, dims, _ = labelled
    assert variable_dims(design) == dims
    assert list(variable_dims(design)) == list(dims)


def test_coordinates_are_the_names_and_labels(labelled):
    design, _, coords = labelled
    found = coordinates(design)
    assert found.pop("obs") == list(range(48))
    assert found == coords


def test_every_dimension_has_a_coordinate_and_every_variable_a_long_name(labelled):
    design, dims, _ = labelled
    assert {d for names in dims.values() for d in names} <= set(coordinates(design))
    attrs = variable_attrs(design)
    offsets = [f"z_{f.name}" for f in design.factors]
    assert list(offset_dims(design)) == offsets
    assert list(attrs) == [*dims, *offsets]
    assert all(fact["long_name"] for fact in attrs.values())


def test_a_link_is_stated_unless_it_is_the_identity(table, build):
    counts = variable_attrs(build("count ~ x + (1 | g)", table, family="poisson"))
    assert "on the log scale" in counts["beta"]["long_name"]
    assert "on the log scale" in counts["sd_g"]["long_name"]
    assert "scale" not in variable_attrs(build("y ~ x + (1 | g)", table))["beta"]["long_name"]


def test_row_numbers_are_those_of_the_table_as_given(table, build):
    with pytest.warns(DataWarning):
        design = build("y ~ x + (1 | g)", table.assign(x=[None, *table.x[1:]]))
    assert coordinates(design)["obs"] == list(range(1, 48))

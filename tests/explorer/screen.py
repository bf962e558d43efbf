"""What is seen on a page: marks, texts, places and colours."""

import json
import re

import numpy as np

from partialpool.explorer.curves import chosen_effect, pooling_curves

MODEL = "(name => Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m !== null))"
PHONE = {"width": 390, "height": 844, "phone": True}
ON_ITS_SIDE = {"width": 844, "height": 390, "phone": True}
FOCUSED = (
    "(e => { while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; })(document.activeElement)"
)


def column(page, name, source="levels"):
    """Return a column of what is drawn, NaN for gaps."""
    text = page.value(f"JSON.stringify([...{MODEL}({source!r}).data[{name!r}]])")
    return np.array([np.nan if value is None else value for value in json.loads(text)], float)


def levels_drawn(page):
    names = page.value("JSON.parse(document.getElementById('numbers').textContent).names")
    return [names[int(k)] for k in column(page, "level")]


def text_of(page, selector):
    return page.value(f"document.querySelector({selector!r}).textContent")


def set_value(page, element, value, event="input"):
    change = f"e.value = {value!r}; e.dispatchEvent(new Event({event!r}));"
    page.value(f"(e => {{ {change} }})(document.getElementById({element!r}))")
    page.settle()


def cells(page, name):
    """A column of the table."""
    return page.value(f"[...document.querySelectorAll('[data-cell={name}]')].map(e => e.textContent)")


def box_of(page, element):
    """Left, top, right and bottom in the window."""
    return page.value(
        f"(b => [b.left, b.top, b.right, b.bottom])(document.getElementById({element!r}).getBoundingClientRect())"
    )


def is_in_view(page, element):
    left, top, right, bottom = box_of(page, element)
    width, height = page.value("[document.documentElement.clientWidth, innerHeight]")
    return left >= 0 and top >= 0 and right <= width and bottom <= height and bottom > top


def halfway(page, fit, step="80"):
    """Move to a step of the slider; the curves there, in the order of the table."""
    set_value(page, "sd", step)
    sd = page.value("JSON.parse(document.getElementById('numbers').textContent).sds")[int(step)]
    curves = pooling_curves(fit, *chosen_effect(fit.design, None, None), np.array([sd]))
    names = page.value("JSON.parse(document.getElementById('numbers').textContent).names")
    return curves, [curves.labels.index(name) for name in names]


def point_of(page, level):
    """Where a level's row is in the window, in the middle of the picture."""
    at = levels_drawn(page).index(level)
    y = column(page, "y")[at]
    return page.value(
        f"(() => {{ const view = Bokeh.index.get_by_id({MODEL}('levels-plot').id);"
        " const box = document.getElementById('levels-plot').getBoundingClientRect(), frame = view.frame.bbox;"
        f" return [box.left + frame.left + frame.width / 2, box.top + view.frame.y_scale.compute({y})]; }})()"
    )


def contrast(color, other=(255, 255, 255)):
    """Contrast ratio of WCAG 2.2 between two colours, `#rrggbb` or `rgb(r, g, b)`; one seen through counts as white."""
    if isinstance(color, str) and color.startswith("#"):
        color = tuple(int(color[k : k + 2], 16) for k in (1, 3, 5))
    elif isinstance(color, str):
        parts = [float(part) for part in re.findall(r"[\d.]+", color)]
        opacity = parts[3] if len(parts) > 3 else 1.0
        color = tuple(opacity * part + (1 - opacity) * 255 for part in parts[:3])
    light, dark = sorted((_luminance(color), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in color)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))

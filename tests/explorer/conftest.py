"""Fits that are explored, and their pages, written once."""

from threading import Thread

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from explorer.devtools import chromium
from partialpool.explorer import studies
from partialpool.explorer.classroom.server import ClassroomServer
from partialpool.explorer.page import render_explorer

HOSTILE = ("</script><script>boom()</script>", "$$\\x$$", '" onfocus="boom()', "a & b", "{{ 7 * 7 }}", "<b>é</b>",
           "\u05d0\u05d1\u05d2 5")  # fmt: skip


@pytest.fixture(scope="session")
def sleep():
    data = pp.load_dataset("sleepstudy")
    return pp.fit("Reaction ~ Days + (Days | Subject)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def sleep_at_the_mean(sleep):
    """What `shrinkage` and `level_effects` have of subjects on day 0, on the mean day, 4.5, where the page has them."""
    pooling, day = pp.shrinkage(sleep), 4.5
    first, slope = pooling.sel(effect="Intercept"), pooling.sel(effect="Days")
    moved = {name: first[name] + day * slope[name] for name in ("no_pooling", "complete_pooling", "partial_pooling")}
    # Of a line through ten rows on days 0 to 9: sigma / sqrt(10) in the middle, sigma sqrt(1 / 10 + 4.5^2 / 82.5) at 0.
    moved["no_pooling_se"] = first["no_pooling_se"] / np.sqrt(1 + 10 * day**2 / 82.5)
    return xr.Dataset(moved).assign(sd=pp.recenter(sleep, Days=day)["sd"].sel(effect="Intercept", drop=True))


@pytest.fixture(scope="session")
def schools():
    data = pp.load_dataset("eight_schools")
    return pp.fit("effect ~ 1 + (1 | school)", data, se="standard_error", seed=1, progressbar=False)


@pytest.fixture(scope="session")
def radon():
    return pp.fit("log_radon ~ floor + (1 | county)", pp.load_dataset("radon"), seed=1, progressbar=False)


@pytest.fixture(scope="session")
def hostile():
    """Labels that would be markup, code, or mathematics that fetches a typesetter, or run from right to left; one level
    tells no slope."""
    rng = np.random.default_rng(5)
    levels = np.repeat(HOSTILE, 8)
    x = np.where(levels == HOSTILE[2], 1.0, np.tile(np.arange(8.0), len(HOSTILE)))
    effects = np.repeat(rng.normal(0, 2, len(HOSTILE)), 8)
    data = {"y": effects + x + rng.normal(0, 1, len(levels)), "x": x, "who": levels}
    return pp.fit("y ~ x + (x | who)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def gamma():
    """A prior of the sd that is none of the families on the page."""
    priors = {"sd_Batch": pp.Prior("Gamma", alpha=2, beta=0.05)}
    return pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), priors=priors, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def penicillin():
    """Two crossed factors."""
    data = pp.load_dataset("penicillin")
    return pp.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def far():
    """Twelve levels, and one whose two rows at nearly one x have a slope of 10,000 of their own."""
    rng = np.random.default_rng(24)
    x = np.append(rng.normal(size=72), [0.1, 0.105])
    y = np.append(500 + 3 * x[:-2] + rng.normal(0, 20, 72), [480.0, 530.0])
    data = {"y": y, "x": x, "who": [f"l{k:02d}" for k in [*np.repeat(np.arange(12), 6), 99, 99]]}
    return pp.fit("y ~ x + (x | who)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def throws():
    """A class's free throws; one pupil has thrown five times, and never hit."""
    hits, n = [2, 0, 5, 11, 9, 7, 6, 3], [4, 5, 6, 20, 40, 9, 15, 12]
    data = {"hits": hits, "throws": n, "pupil": list("abcdefgh")}
    return pp.fit("p(hits, throws) ~ 1 + (1 | pupil)", data, family="binomial", seed=1, progressbar=False)


@pytest.fixture(scope="session")
def pages(sleep, schools, radon, hostile, gamma, penicillin, far, throws):
    fits = {"sleep": sleep, "schools": schools, "radon": radon, "hostile": hostile, "gamma": gamma}
    fits |= {"penicillin": penicillin, "far": far, "throws": throws}
    # The effect that is moved; for two factors the first.
    effects = {"hostile": "x", "far": "x"}
    written = {}
    for name, fit in fits.items():
        with pytest.MonkeyPatch.context() as patch:
            if name not in ("sleep", "schools"):  # three scales do: 12 refits in place of 36
                patch.setattr(studies, "PLACES", 2 if name == "throws" else 3)
            written[name] = render_explorer(fit, effect=effects.get(name), progressbar=False)
    return written


@pytest.fixture(scope="session")
def files(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def sleeping(browser, files):
    browser.open(files["sleep"])
    return browser


@pytest.fixture
def serve_classroom():
    """Start servers of the classroom on free ports, each in a thread."""
    started = []

    def start(make):
        server = ClassroomServer("127.0.0.1", 0, make)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()

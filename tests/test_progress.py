import io
import time

import pytest
from rich.console import Console

from partialpool import progress


@pytest.fixture
def screen(monkeypatch):
    """A terminal that records what it is shown."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, force_interactive=True, width=80)
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    return text


def test_a_short_run_shows_nothing(screen):
    with progress.progress_line("finding the mode", shown=True) as line:
        line.say("drawing")
        line.count(1, 2)
    assert "drawing" not in screen.getvalue()


def test_a_long_first_step_is_shown(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with progress.progress_line("preparing", shown=True) as line:
        line.say("compiling, once per machine")
        time.sleep(0.5)
        assert "compiling, once per machine" in screen.getvalue()
        line.count(1, 2)


def test_nothing_is_shown_if_the_progress_line_is_off(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.progress_line("preparing", shown=False) as line:
        line.say("drawing")
        time.sleep(0.1)
    assert screen.getvalue() == ""


def interrupted():
    with progress.progress_line("preparing", shown=True):
        time.sleep(0.1)
        raise KeyboardInterrupt


def test_an_error_ends_the_line(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "\x1b[?25h" in screen.getvalue()  # the cursor is back


@pytest.mark.parametrize("widgets", [True, False])
def test_a_notebook_needs_widgets(monkeypatch, widgets):
    """Without ipywidgets rich would give a warning from its thread, so that no line is shown."""
    shown = []
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=io.StringIO(), force_jupyter=True, width=80))
    monkeypatch.setattr(progress, "find_spec", lambda name: object() if widgets else None)
    real = progress.Progress

    def keep(*columns, **options):
        shown.append(not options["disable"])
        return real(*columns, **options)

    monkeypatch.setattr(progress, "Progress", keep)
    with progress.progress_line("preparing", shown=True):
        pass
    assert shown == [widgets]


def test_a_long_run_whose_output_is_a_file_writes_its_stage_once(monkeypatch, capsys):
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=io.StringIO()))
    monkeypatch.setattr(progress, "LONG", 0.05)
    with progress.progress_line("finding the mode", shown=True) as line:
        line.say("compiling, once per machine")
        time.sleep(0.3)
    assert capsys.readouterr().err == "compiling, once per machine ...\n"
    with progress.progress_line("finding the mode", shown=False):
        time.sleep(0.2)
    with progress.progress_line("finding the mode", shown=True):
        pass  # a short run
    assert capsys.readouterr().err == ""

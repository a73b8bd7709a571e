"""What is shown of work that goes on, on a terminal and elsewhere, by a clock of the test's."""

from __future__ import annotations

import io
import logging
import re

import pytest
from rich.console import Console

from metaplastic.cli import display as display_module
from metaplastic.cli import showing
from metaplastic.cli.display import EVERY, QUIET, Display
from metaplastic.cli.progress import ConsoleReporter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made(*, terminal: bool, width: int = 100) -> tuple[Display, Clock, io.StringIO]:
    clock, written = Clock(), io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=width, _environ={})
    return Display(console, clock=clock, ticking=False), clock, written


def test_plain_lines_come_at_intervals_and_hold_no_control_characters() -> None:
    shown, clock, written = made(terminal=False)
    shown("compiling the inner loop")
    shown.tick()
    assert written.getvalue() == ""  # what is quick is not worth a line
    clock.now += QUIET
    shown.tick()
    assert written.getvalue() == "compiling the inner loop: for 2 s\n"
    for _ in range(int(EVERY) - 1):
        clock.now += 1
        shown.tick()
    assert written.getvalue().count("\n") == 1
    clock.now += 1
    shown.tick()
    assert written.getvalue().endswith("compiling the inner loop: for 12 s\n")
    shown("[b]inner loop", 20, 80, "inner steps")
    clock.now += QUIET  # something new is said sooner
    shown("[b]inner loop", 40, 80, "inner steps")
    shown.tick()
    last = written.getvalue().splitlines()[-1]
    assert last == "[b]inner loop: 40 of 80 inner steps, 10 inner steps/s, 4 s left"
    assert re.fullmatch(r"[\x20-\x7e\n]*", written.getvalue())


def test_the_first_report_is_not_part_of_the_rate() -> None:
    """Compilation comes before it."""
    shown, clock, _ = made(terminal=False)
    clock.now += 60
    shown("a", 10, 300, "steps")
    assert "/s" not in shown.text()
    clock.now += 10
    shown("a", 110, 300, "steps")
    assert shown.text() == "a: 110 of 300 steps, 10 steps/s, 19 s left"
    shown("a", 10, 300, "steps")  # the same work once more, say of other seeds
    assert "left" not in shown.text()
    clock.now += 50
    shown("a", 20, 300, "steps")
    assert shown.text() == "a: 20 of 300 steps, 5 s each, 23 min 20 s left"


def test_a_job_stays_in_view_while_its_parts_come_and_go() -> None:
    shown, clock, _ = made(terminal=False)
    shown("study labels", 11, 80, "cells", job=True)
    shown("k-means", 3, 10, "seeds")
    assert shown.text() == "study labels: 11 of 80 cells; k-means: 3 of 10 seeds"
    clock.now += 60
    shown("study labels", 12, 80, "cells", job=True)
    assert shown.text() == "study labels: 12 of 80 cells, 1 min each, 1 h 8 min left"


def test_a_download_is_in_megabytes() -> None:
    shown, clock, _ = made(terminal=False)
    shown("fetching x.gz", 1_000_000, 8_000_000, "bytes")
    clock.now += 1
    shown("fetching x.gz", 3_000_000, 8_000_000, "bytes")
    assert shown.text() == "fetching x.gz: 3.0 MB of 8.0 MB, 2.0 MB/s, 2 s left"


def test_on_a_terminal_it_is_live_and_taken_away_for_what_is_printed() -> None:
    shown, clock, written = made(terminal=True)
    shown("study labels", 3, 80, "cells", job=True)
    shown("[b]k-means", 3, 10, "seeds")
    clock.now += 1
    shown._bars.refresh()
    drawn = written.getvalue()
    assert "study labels" in drawn
    assert "[b]k-means" in drawn
    assert "3 of 10 seeds" in drawn
    assert "\x1b[" in drawn
    with shown.paused():
        assert not shown._bars.live.is_started
    assert shown._bars.live.is_started
    shown.line("a line that stays")
    shown.close()
    assert "a line that stays" in written.getvalue()
    assert written.getvalue().endswith("\x1b[2K")  # nothing of the live lines is left


def test_the_thread_speaks_while_the_work_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_module, "QUIET", 0.0)
    written = io.StringIO()
    shown = Display(Console(file=written, force_terminal=False, width=100))
    shown("compiling")
    assert shown._thread is not None
    shown._closed.wait(0.2)  # no report meanwhile
    shown.close()
    assert not shown._thread.is_alive()
    assert "compiling" in written.getvalue()


def test_a_meta_training_run_shows_loss_and_validation() -> None:
    shown, clock, written = made(terminal=False)
    run = ConsoleReporter(shown)
    run.working("compiling, then the first meta-step")
    assert shown.text().startswith("compiling")
    metrics = {"loss": 0.5, "dropped": 1}
    clock.now += 50  # compilation
    for step in (1, 2, 3):
        clock.now += 2
        run.step({**metrics, "meta_step": step}, 40)
    run.step({**metrics, "meta_step": 4, "validation_accuracy": {"0": 0.3, "60": 0.6}}, 40)
    line = written.getvalue().strip()
    assert "\n" not in line
    assert re.fullmatch(
        r"meta-training: 4 of 40 meta-steps, 0\.75 meta-steps/s, 48 s left, loss 0\.5000, "
        r"validation accuracy 0\.300 → 0\.600, 4 tasks dropped",
        line,
    )


def test_logs_are_lines_and_logged_progress_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from metaplastic.progress import LoggedProgress

    monkeypatch.setenv(display_module.SWITCH, "on")
    log = logging.getLogger("metaplastic.somewhere")
    with showing.displayed():
        log.info("resumed at [b]7")
        log.warning("a file is damaged")
        log.debug("too much")
        LoggedProgress(log)("learning features", 3, 80, "inner steps")
        shown = showing.display()
        assert shown is not None
        assert shown.text() == "learning features: 3 of 80 inner steps"
    assert showing.display() is None
    printed = capsys.readouterr()
    assert printed.err == "resumed at [b]7\nwarning: a file is damaged\n"
    assert printed.out == ""
    assert not log.isEnabledFor(logging.INFO)


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_can_be_switched_off(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(display_module.SWITCH, "on" if quiet else "off")
    log = logging.getLogger("metaplastic.somewhere")
    with showing.displayed(quiet):
        assert showing.display() is None
        showing.progress()("nobody sees this")
        log.info("a note")
        log.warning("a warning")
    lines = [] if quiet else ["a note"]
    assert capsys.readouterr().err.splitlines() == [*lines, "warning: a warning"]

"""Progress with rate and remaining time: one line on standard error, only on a terminal, removed at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from hiqa_train.trainer.metrics_log import Progress

BAR_CELLS = 24
REFRESH_RATE = 4  # per second


class ProgressLine:
    """A line that is redrawn with the current text; does nothing if standard error is no terminal."""

    def __init__(self, text: Callable[[], str], *, enabled: bool) -> None:
        self._draw = text
        self._live: Live | None = None
        can_redraw = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        if enabled and can_redraw:
            self._live = self._line()
            self._live.start(refresh=True)

    def _line(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        return Live(
            console=Console(file=sys.stderr),
            get_renderable=self._text,
            refresh_per_second=REFRESH_RATE,
            transient=True,
            # rows must go to standard output, not to where the progress is
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _text(self) -> Text:
        """Always one line: removing more would remove results, too."""
        from rich.text import Text

        return Text(self._draw(), no_wrap=True, overflow="crop", end="")

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Remove the line from the terminal while something else is written there."""
        live = self._live
        if live is None:
            yield
            return
        live.stop()
        try:
            yield
        finally:
            if self._live is not None:
                live.start()

    def cleared_for_results(self) -> AbstractContextManager[None]:
        """Like cleared(), if results go to a terminal, too."""
        return self.cleared() if sys.stdout.isatty() else nullcontext()

    def close(self) -> None:
        """Remove the line."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()


class ImageProgress(ProgressLine):
    """The progress of a number of images."""

    def __init__(self, total: int, *, enabled: bool) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        super().__init__(self._progress, enabled=enabled and total > 0)

    def _progress(self) -> str:
        return progress_text(self._done, self._total, time.monotonic() - self._start)

    def advance(self) -> None:
        """Count one image."""
        self._done += 1


class StageProgress(ProgressLine):
    """The progress of a training stage."""

    def __init__(self, *, enabled: bool) -> None:
        self._latest: Progress | None = None
        super().__init__(lambda: "" if self._latest is None else stage_text(self._latest), enabled=enabled)

    def advance(self, progress: Progress) -> None:
        """Show this state."""
        self._latest = progress


def stage_text(progress: Progress) -> str:
    """ "generator  ━━━━────  1,200/20,000  35.2 patches/s  0:41:07 left  pixel 0.812  psi 0.034"."""
    line = f"{progress.stage}  {_bar(progress.step, progress.steps)}"
    if progress.rate:
        remaining = (progress.steps - progress.step) * progress.seconds_a_step
        line += f"  {progress.rate:.1f} patches/s  {clock(remaining)} left"
    shown = {name: value for name, value in progress.losses.items() if name not in ("loss", "gradient")}
    return "  ".join([line, *(f"{name} {value:.3g}" for name, value in shown.items())])


def progress_text(done: int, total: int, seconds: float) -> str:
    """ "━━━━────  3/12  1.50 images/s  0:06 left"; rate and time after the first image."""
    line = _bar(done, total)
    if not done or seconds <= 0:
        return f"{line}  {clock(seconds)}"
    rate = done / seconds
    speed = f"{rate:.2f} images/s" if rate >= 0.1 else f"{1 / rate:.0f} s per image"
    return f"{line}  {speed}  {clock((total - done) / rate)} left"


def _bar(done: int, total: int) -> str:
    full = BAR_CELLS * done // total
    return f"{'━' * full}{'─' * (BAR_CELLS - full)}  {done:,}/{total:,}"


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 2:03:00."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

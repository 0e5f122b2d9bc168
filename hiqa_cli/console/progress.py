"""Progress with rate and time left: on standard error, on a terminal only, gone when it ends."""

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

CELLS = 24
REFRESH = 4  # times a second


class ProgressLine:
    """A line that a text is drawn on again and again; nothing at all where nobody could see it."""

    def __init__(self, text: Callable[[], str], *, wanted: bool) -> None:
        self._draw = text
        self._live: Live | None = None
        can_redraw = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        if wanted and can_redraw:
            self._live = self._line()
            self._live.start(refresh=True)

    def _line(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        return Live(
            console=Console(file=sys.stderr),
            get_renderable=self._text,
            refresh_per_second=REFRESH,
            transient=True,
            # rows for standard output must go there, not to where the progress is
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _text(self) -> Text:
        """Always one line: taking off more would take results off with it."""
        from rich.text import Text

        return Text(self._draw(), no_wrap=True, overflow="crop", end="")

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """The line is off the terminal while something else is written there."""
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
        """As cleared(), where results go to a terminal too; else they are not in the way."""
        return self.cleared() if sys.stdout.isatty() else nullcontext()

    def close(self) -> None:
        """Take the line off for good."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()


class ImageProgress(ProgressLine):
    """A progress line for so many images."""

    def __init__(self, total: int, *, wanted: bool) -> None:
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        super().__init__(self._progress, wanted=wanted and total > 0)

    def _progress(self) -> str:
        return progress_text(self._done, self._total, time.monotonic() - self._began)

    def advance(self) -> None:
        """One image is done."""
        self._done += 1


class StageProgress(ProgressLine):
    """A progress line for the stage of a training that is running."""

    def __init__(self, *, wanted: bool) -> None:
        self._now: Progress | None = None
        super().__init__(lambda: "" if self._now is None else stage_text(self._now), wanted=wanted)

    def advance(self, now: Progress) -> None:
        """What the training says of itself."""
        self._now = now


def stage_text(now: Progress) -> str:
    """ "generator  ━━━━────  1,200/20,000  35.2 patches/s  0:41:07 left  pixel 0.812  psi 0.034"."""
    full = CELLS * now.step // now.steps
    line = f"{now.stage}  {'━' * full}{'─' * (CELLS - full)}  {now.step:,}/{now.steps:,}"
    if now.rate:
        line += f"  {now.rate:.1f} patches/s  {clock((now.steps - now.step) * now.seconds_a_step)} left"
    shown = {name: value for name, value in now.losses.items() if name not in ("loss", "gradient")}
    return "  ".join([line, *(f"{name} {value:.3g}" for name, value in shown.items())])


def progress_text(done: int, total: int, seconds: float) -> str:
    """ "━━━━────  3/12  1.50 images/s  0:06 left"; rate and time once an image is done."""
    full = CELLS * done // total
    line = f"{'━' * full}{'─' * (CELLS - full)}  {done:,}/{total:,}"
    if not done or seconds <= 0:
        return f"{line}  {clock(seconds)}"
    rate = done / seconds
    speed = f"{rate:.2f} images/s" if rate >= 0.1 else f"{1 / rate:.0f} s an image"
    return f"{line}  {speed}  {clock((total - done) / rate)} left"


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 2:03:00."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

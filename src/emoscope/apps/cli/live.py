"""``emoscope live``: camera and microphone as they come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from emoscope.apps.cli.console import complain, err, out, say
from emoscope.errors import EmoscopeError, MediaError

if TYPE_CHECKING:
    from emoscope.history import History
    from emoscope.live.log import LiveLog
    from emoscope.results import Analysis

_KEEP_S, _KEEP_FOR_HISTORY_S = 60.0, 600.0

_Source = TypeVar("_Source")


class Voice(StrEnum):
    """When the voice is read."""

    AUTO = "auto"
    KEY = "key"


def live(
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="[N|FILE|FOLDER|off]",
            help="Camera by number, or what stands in for one.",
            show_default="0",
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option(
            metavar="[default|NAME|FILE|off]",
            help="Microphone by name, or what stands in for one.",
            show_default="default",
        ),
    ] = None,
    voice: Annotated[
        Voice, typer.Option(help="Read whenever somebody speaks, or when 'a' is pressed.")
    ] = Voice.AUTO,
    detect_every: Annotated[
        int, typer.Option(min=1, help="Faces are searched in every so many frames.")
    ] = 1,
    smooth: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="Seconds over which readings are steadied.")
    ] = 0.5,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Below this a reading is 'unsure'.")
    ] = 0.3,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv|.parquet", help="Write one row per moment.", dir_okay=False),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Keep the last ten minutes in your history.")
    ] = False,
    no_window: Annotated[bool, typer.Option("--no-window", help="Print a line instead.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="End after so long.", show_default="until you quit"),
    ] = None,
) -> None:
    """Look into the camera, speak, see. Press h for the keys; q quits."""
    if camera == "off" and microphone == "off":
        raise typer.BadParameter("camera and microphone are both off; nothing to read")
    from emoscope.analyzer import Analyzer
    from emoscope.apps.live.lines import run_lines
    from emoscope.apps.live.session import Session
    from emoscope.apps.live.showing import Showing
    from emoscope.apps.live.window import Window
    from emoscope.live import sources

    with ExitStack() as opened:
        # The display first: nothing is opened in vain, and no device is touched without a window.
        window = None if no_window else opened.enter_context(Window())
        kept = opened.enter_context(_history()) if history else None
        on_reading = None if log is None else opened.enter_context(_log(log))
        problems: dict[str, str] = {}
        eye = _opened("camera", sources.camera, camera, "0", problems)
        if eye is not None:
            opened.callback(eye.close)
        ear = _opened("microphone", sources.microphone, microphone, "default", problems)
        if ear is not None:
            opened.callback(ear.close)
        if eye is None and ear is None:
            for problem in problems.values():
                complain(problem)
            raise typer.Exit(1)
        session = Session(
            Analyzer(min_confidence=min_confidence),
            eye,
            ear,
            problems=problems,
            detect_every=detect_every,
            smooth_s=smooth,
            voice=voice.value,
            keep_s=_KEEP_FOR_HISTORY_S if history else _KEEP_S,
            on_reading=on_reading,
        )
        if kept is not None:
            opened.callback(lambda: _remember(kept, session.close()))
        opened.enter_context(session)
        try:
            if window is None:
                run_lines(session, out, err, seconds=seconds)
            else:
                window.run(Showing(session, Path.cwd()), seconds=seconds)
        except OSError as error:
            raise _not_written(log, error) from error


def _opened(
    name: str,
    open_source: Callable[[str], _Source | None],
    wanted: str | None,
    usual: str,
    problems: dict[str, str],
) -> _Source | None:
    """The source that was asked for; the usual one may be missing, which is noted.

    Raises:
        MediaError: one that was named cannot be had.
        MissingExtraError: what opens devices is not installed.
    """
    if wanted is not None:
        return open_source(wanted)
    try:
        return open_source(usual)
    except MediaError as error:
        problems[name] = str(error)
        return None


def _log(path: Path) -> LiveLog:
    """An open log.

    Raises:
        typer.BadParameter: the name says neither CSV nor Parquet.
        EmoscopeError: it cannot be written, or Parquet is not installed.
    """
    from emoscope.live.log import LiveLog

    try:
        return LiveLog(path)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path | None, error: OSError) -> EmoscopeError:
    return EmoscopeError(f"{path or 'a file'}: cannot write there: {error.strerror or error}")


def _history() -> History:
    """The open history.

    Raises:
        EmoscopeError: it cannot be opened, or its extra is not installed.
    """
    from emoscope.history import History

    return History.open()


def _remember(history: History, analysis: Analysis) -> None:
    say(f"kept in your history as number {history.add(analysis)}")

"""The decoding process: ``python -m emoscope.guard.child MEMORY_BYTES``.

It takes requests on standard input and answers on standard output (:mod:`emoscope.guard.wire`),
one at a time, until its input ends. It loads no model.
"""

from __future__ import annotations

import contextlib
import os
import sys
from io import BufferedIOBase, BufferedReader, FileIO
from pathlib import Path
from typing import Any

import cv2

from emoscope.errors import MediaError, MediaLimitError
from emoscope.guard import wire
from emoscope.guard.confine import allow_files, allow_seconds, confine
from emoscope.media import Frame, Limits, Media, open_data, open_media
from emoscope.media.quiet import stay_quiet
from emoscope.results import Analysis


def main() -> None:
    """Serve requests until there are no more."""
    requests, answers = _streams()
    cv2.setNumThreads(1)
    stay_quiet()  # the parent has led our standard error into nothing
    confine(int(sys.argv[1]))
    with contextlib.suppress(OSError):  # the parent has gone
        wire.send(answers, wire.Ready())
        while (request := wire.next_request(requests)) is not None:
            _serve(request, requests, answers)


def _serve(request: dict[str, Any], requests: BufferedIOBase, answers: FileIO) -> None:
    allow_seconds(request["cpu_s"])
    try:
        if request["do"] == "read":
            _read(request, requests, answers)
        else:
            _annotate(request, answers)
    except MediaError as error:
        limit = error.limit if isinstance(error, MediaLimitError) else None
        failed = wire.Failed(type(error).__name__, error.problem, limit)
    except MemoryError:
        failed = wire.Failed("MemoryError", "")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a decoder may raise is the medium's fault
        kind = "MemoryError" if "emory" in str(error) else "Exception"
        if isinstance(error, OSError) and request["do"] == "annotate":
            kind = "OSError"
        failed = wire.Failed(kind, f"{type(error).__name__}: {error}")
    else:
        return
    wire.send(answers, failed)


def _read(request: dict[str, Any], requests: BufferedIOBase, answers: FileIO) -> None:
    limits = Limits(**request["limits"])
    if "data" in request:
        opened = open_data(request["data"], "upload", limits)
    else:
        opened = open_media(Path(request["path"]), limits)
    with opened as media:
        facts = wire.Opened(
            media.kind, media.duration_s, media.size_px, media.has_sound, media.frame_rate
        )
        if media.kind == "image":
            _read_picture(media, facts, answers)
            return
        wire.send(answers, facts)
        wanted = wire.next_request(requests)
        if wanted is None or wanted["do"] != "decode":
            return  # the facts were enough
        for item in media.read(wanted["fps"]):
            wire.send(answers, item)
        wire.send(answers, wire.Done())


def _read_picture(media: Media, facts: wire.Opened, answers: FileIO) -> None:
    """There is one way to read a picture, so nobody is asked how: it goes with its facts.

    Each message on its own would wake the parent, which costs as much as decoding a little.
    """
    messages: list[wire.Message] = [facts]
    try:
        messages += [wire.Picture(one.image_rgb) for one in media.read() if isinstance(one, Frame)]
    finally:
        wire.send(answers, *messages)


def _annotate(request: dict[str, Any], answers: FileIO) -> None:
    from emoscope.export.formats import Format, write

    def step(done: float, total: float | None) -> None:
        wire.send(answers, wire.Step(done, total))

    allow_files(request["out_bytes"])
    try:
        analysis = Analysis.from_dict(request["analysis"])
        write(analysis, Path(request["out"]), Format.ANNOTATED, step, source=Path(request["path"]))
    finally:
        allow_files(0)
    wire.send(answers, wire.Done())


def _streams() -> tuple[BufferedIOBase, FileIO]:
    """Our end of both pipes; what others print goes nowhere."""
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return BufferedReader(FileIO(requests, "r")), FileIO(answers, "w")


if __name__ == "__main__":
    main()

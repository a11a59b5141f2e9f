"""``emoscope batch``: many files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand

from emoscope.apps.cli.analyze import prepare_words
from emoscope.apps.cli.console import complain, err, out, progress_bar
from emoscope.apps.cli.options import (
    Detector,
    FaceDetector,
    FaceModel,
    Fps,
    Json,
    KeepHistory,
    Language,
    MaxHours,
    MaxMegapixels,
    MinConfidence,
    Smooth,
    Smoothing,
    Speech,
    SpeechGate,
    Transcribe,
    Translate,
    VoiceModel,
    WordsModel,
)
from emoscope.export.plain import escaped
from emoscope.results import clock

if TYPE_CHECKING:
    from emoscope.batch import Summary
    from emoscope.batch.task import Outcome
    from emoscope.batch.work import Reader

_SHOWN = 20
_ADDRESS = re.compile(r"auto|local|ray://.+|[\w.\-]+:\d+")


class RayCommand(TyperCommand):
    """A command whose ``--ray`` may stand without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--ray" in args:
            after = args.index("--ray") + 1
            if not _ADDRESS.fullmatch("".join(args[after : after + 1])):
                args = [*args[:after], "local", *args[after:]]
        return super().parse_args(ctx, args)


def batch(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files; folders with all below; lists of paths (.txt, .lst, .list, or - for "
            "standard input).",
        ),
    ],
    destination: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR|FILE.parquet",
            help="Folder for one JSON document per file, or one Parquet table.",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that read; one for each core when left out."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run whose results are there.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Read on a Ray cluster (HOST:PORT, ray://..., auto), or one started here.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which a file is given up.")
    ] = 3600.0,
    history: KeepHistory = False,
    as_json: Json = False,
    face_model: FaceModel = "emoscope-face",
    voice_model: VoiceModel = "emoscope-voice",
    detector: FaceDetector = Detector.AUTO,
    speech: SpeechGate = Speech.AUTO,
    transcribe: Transcribe = None,
    language: Language = None,
    translate: Translate = False,
    words_model: WordsModel = "emoscope-words",
    min_confidence: MinConfidence = 0.3,
    fps: Fps = 10.0,
    smooth: Smoothing = Smooth.NONE,
    max_megapixels: MaxMegapixels = 100.0,
    max_hours: MaxHours = 6.0,
) -> None:
    """Read many files, on all cores or a cluster; can be stopped and resumed at any point."""
    from emoscope.batch import Settings, Stopped, run

    prepare_words(transcribe, language, translate=translate)
    if ray is not None and destination.suffix.lower() != ".parquet":
        raise typer.BadParameter("--ray needs --out FILE.parquet")
    if ray is not None and history:
        raise typer.BadParameter("--history is of this machine alone; leave it out with --ray")
    settings = Settings(
        options={
            "face_model": face_model,
            "voice_model": voice_model,
            "detector": detector.value,
            "speech": speech.value,
            "transcribe": transcribe,
            "language": language,
            "translate": translate,
            "words_model": words_model,
            "min_confidence": min_confidence,
            "fps": fps,
            "smooth": smooth.value,
            "max_pixels": round(max_megapixels * 1e6),
            "max_duration_s": max_hours * 3600,
        },
        **({"factory": f"{__name__}:remembering"} if history else {}),
        timeout_s=timeout,
    )
    told = _Complaints()
    try:
        with progress_bar("reading", unit="files") as step:
            summary = run(
                paths,
                destination,
                settings,
                workers=workers,
                resume=resume,
                ray=ray,
                progress=step,
                failed=told.add,
            )
    except Stopped as stopped:
        _show(stopped.summary, as_json=as_json)
        complain("interrupted; go on with --resume")
        raise typer.Exit(130) from None
    told.finish(summary)
    _show(summary, as_json=as_json)
    if summary.failed:
        raise typer.Exit(1)


class _Complaints:
    """A line for each of the first files that cannot be read."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, outcome: Outcome) -> None:
        self._count += 1
        if self._count <= _SHOWN:
            complain(escaped(f"{outcome.path}: {outcome.error}"))

    def finish(self, summary: Summary) -> None:
        if self._count > _SHOWN:
            complain(f"and {self._count - _SHOWN:,} more; all are in {summary.manifest}")


def _show(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        typer.echo(escaped(json.dumps(summary.to_dict(), ensure_ascii=False)))
        return
    failed = sum(summary.failed.values())
    console = err if as_json else out
    lines = [f"[bold]{summary.done:,}[/] of {summary.files:,} files read"]
    if summary.before:
        lines.append(f"{summary.before:,} known from before")
    if summary.waiting:
        lines.append(f"{summary.waiting:,} still waiting")
    lines.append(f"{clock(summary.seconds, 0.1)}, {summary.files_per_s:.1f} files a second")
    console.print(" · ".join(lines), soft_wrap=True)
    console.print(
        f"{summary.faces:,} faces · {clock(summary.speech_s, 0.1)} of speech", soft_wrap=True
    )
    if failed:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.failed.items())
        console.print(f"{failed:,} could not be read: {reasons}", soft_wrap=True)
    console.print(f"wrote {escape(summary.results)}", soft_wrap=True)


def remembering(options: dict[str, Any], threads: int) -> Reader:
    """A reader that puts what it reads into the history; made in each worker.

    A file whose worker dies right after it was read is read again, and is in the history twice.
    """
    from emoscope.batch.work import analyzer
    from emoscope.history import History

    usual = analyzer(options, threads)
    history = History.open()

    class Remembering:
        def analyze(self, source: str, /) -> Any:
            analysis = usual.analyze(source)
            history.add(analysis)
            return analysis

    return Remembering()

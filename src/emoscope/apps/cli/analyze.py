"""``emoscope analyze``: the main job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emoscope.apps.cli.console import complain, err, out, progress_bar, say
from emoscope.apps.cli.options import (
    Detector,
    FaceDetector,
    FaceModel,
    Formats,
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
from emoscope.errors import HistoryError, MediaError
from emoscope.export.formats import Format
from emoscope.export.plain import escaped

if TYPE_CHECKING:
    from emoscope.analyzer import Analyzer
    from emoscope.history import History
    from emoscope.results import Analysis


def analyze(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Pictures, recordings, videos.")
    ],
    as_json: Json = False,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", file_okay=False, help="Folder for annotated media, JSON and CSV of each input."
        ),
    ] = None,
    formats: Formats = None,
    history: KeepHistory = False,
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
    """Read the emotion in pictures, recordings and videos."""
    from emoscope.analyzer import Analyzer
    from emoscope.media import Limits

    if formats and out_dir is None:
        raise typer.BadParameter("--format needs --out")
    check_formats(formats or ())
    prepare_words(transcribe, language, translate=translate)
    analyzer = Analyzer(
        face_model=face_model,
        voice_model=voice_model,
        detector=detector.value,
        speech=speech.value,
        transcribe=transcribe,
        language=language,
        translate=translate,
        words_model=words_model,
        min_confidence=min_confidence,
        fps=fps,
        smooth=smooth.value,
        limits=Limits(max_pixels=round(max_megapixels * 1e6), max_duration_s=max_hours * 3600),
    )
    failed = 0
    stems: set[str] = set()
    with ExitStack() as opened:
        kept = opened.enter_context(_opened_history()) if history else None
        for path, analysis in read_all(analyzer, paths):
            if analysis is None:
                failed += 1
                continue
            show(analysis, as_json=as_json)
            if kept is not None:
                failed += not _keep(analysis, kept)
            if out_dir is not None:
                stem = free_stem(Path(path).stem, stems)
                failed += not export(analysis, out_dir, stem, formats, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _opened_history() -> History:
    from emoscope.history import History

    return History.open()


def _keep(analysis: Analysis, history: History) -> bool:
    """Put one result into the history; whether that went well."""
    try:
        say(f"kept in the history as {history.add(analysis)}")
    except HistoryError as error:
        complain(str(error))
        return False
    return True


def prepare_words(transcribe: str | None, language: str | None, *, translate: bool) -> None:
    """See that words can be read as asked for; :func:`fetch_whisper` raises what it raises.

    Raises:
        typer.BadParameter: what is said about the words, but they are not to be read.
    """
    if transcribe is not None:
        fetch_whisper(transcribe)
    elif language is not None or translate:
        raise typer.BadParameter("--language and --translate need --transcribe")


def fetch_whisper(name: str) -> None:
    """Fetch a known size that is not on this machine, with progress; check any other name.

    Raises:
        MissingExtraError: the ``words`` extra is not installed.
        ModelError: it cannot be had; the message says how.
    """
    from emoscope._optional import require
    from emoscope.models import whisper

    spec = whisper.find(name)
    if spec is None:
        whisper.folder_of(name)
    elif not whisper.is_available(spec):
        require("faster_whisper", extra="words")  # before anything is downloaded
        with progress_bar(f"fetching {spec.name}") as step:
            whisper.fetch(spec, progress=step)


def read_all(analyzer: Analyzer, paths: Iterable[str]) -> Iterator[tuple[str, Analysis | None]]:
    """Each input with what was read, None where it cannot be (a line on standard error says why).

    Raises:
        ModelError: a model cannot be had; no further input could be read either.
    """
    for path in paths:
        try:
            with progress_bar(Path(path).name) as step:
                analysis = analyzer.analyze(path, progress=step)
        except MediaError as error:
            complain(str(error))
            yield path, None
        else:
            yield path, analysis


def show(analysis: Analysis, *, as_json: bool) -> None:
    """Write one result to standard output."""
    if as_json:
        # A name that is no text: \udc80 and the like, which JSON reads back.
        typer.echo(escaped(json.dumps(analysis.to_dict(), ensure_ascii=False)))
        return
    from emoscope.apps.cli.render import render

    out.print(render(analysis), crop=False)


def check_formats(formats: Iterable[Format]) -> None:
    """Raise :class:`MissingExtraError` before anything is read, not after."""
    if Format.PARQUET in formats:
        from emoscope._optional import require

        require("pyarrow", extra="parquet")


def export(
    analysis: Analysis,
    out_dir: Path,
    stem: str,
    formats: Sequence[Format] | None,
    *,
    as_json: bool = False,
) -> bool:
    """Write the files of one input, and name them; whether that went well."""
    from emoscope.apps.cli.render import link
    from emoscope.export import export_all

    for one in formats or ():
        refusal = one.refusal(analysis)
        if refusal is not None:
            say(f"{analysis.source}: {refusal}")
    try:
        with progress_bar(f"writing {stem}") as step:
            written = export_all(analysis, out_dir, stem=stem, formats=formats, progress=step)
    except MediaError as error:
        complain(str(error))
        return False
    except OSError as error:
        complain(f"{out_dir}: cannot write there: {error.strerror or error}")
        return False
    console = err if as_json else out
    for file in written:
        console.print(f"  wrote {link(file)}", soft_wrap=True)
    return True


def free_stem(stem: str, used: set[str]) -> str:
    """A stem that no other input of this run has: ``talk``, ``talk-2``, ..."""
    count, free = 1, stem
    while free.lower() in used:
        count += 1
        free = f"{stem}-{count}"
    used.add(free.lower())
    return free

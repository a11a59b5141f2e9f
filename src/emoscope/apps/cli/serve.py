"""``emoscope serve``: the HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emoscope.apps.cli.console import complain, say
from emoscope.apps.cli.options import (
    Detector,
    FaceDetector,
    FaceModel,
    MaxHours,
    MaxMegapixels,
    Speech,
    SpeechGate,
    Transcribe,
    VoiceModel,
    WordsModel,
)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the key that clients must send, and nothing else in it."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let anybody who reaches the address use it.")
    ] = False,
    face_model: FaceModel = "emoscope-face",
    voice_model: VoiceModel = "emoscope-voice",
    detector: FaceDetector = Detector.AUTO,
    speech: SpeechGate = Speech.AUTO,
    transcribe: Transcribe = None,
    words_model: WordsModel = "emoscope-words",
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Analyses at a time; cores when left out.")
    ] = None,
    waiting: Annotated[
        int, typer.Option(min=0, max=10_000, help="Analyses that may stand in line.")
    ] = 16,
    max_megapixels: MaxMegapixels = 50.0,
    max_hours: MaxHours = 2.0,
    max_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Larger uploads are refused.")
    ] = 512.0,
) -> None:
    """Serve analyses over HTTP, until interrupted."""
    from emoscope._optional import require

    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        require(module, extra="api")
    from emoscope.apps.api.app import create_app
    from emoscope.apps.api.server import Server
    from emoscope.apps.api.settings import ServiceSettings, usable_cores
    from emoscope.media import Limits

    if transcribe is not None:
        from emoscope.apps.cli.analyze import fetch_whisper

        fetch_whisper(transcribe)
    try:
        settings = ServiceSettings(
            host=host,
            port=port,
            api_key=None if api_key_file is None else _key(api_key_file),
            open_to_all=insecure,
            face_model=face_model,
            voice_model=voice_model,
            words_model=words_model,
            detector=detector.value,
            speech=speech.value,
            transcribe=transcribe,
            workers=workers or usable_cores(),
            waiting=waiting,
            limits=Limits(
                max_pixels=max(1, round(max_megapixels * 1e6)),
                max_duration_s=max_hours * 3600,
                max_bytes=max(1, round(max_megabytes * 1e6)),
            ),
        )
    except ValueError as error:
        raise typer.BadParameter(f"{error}; see --api-key-file and --insecure") from error
    app = create_app(settings)
    app.state.service.start()
    try:
        listener = Server.listen(settings)
    except OSError as error:
        app.state.service.stop()
        complain(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port")
        raise typer.Exit(1) from error
    url = Server.url_of(listener)
    say(f"emoscope listens on {url}, what it does stands at {url}/docs; Ctrl-C ends it")
    Server(app, settings).run(sockets=[listener])


def _key(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: no key can be read from it ({error})") from error

"""``emoscope doctor``: what this installation has, and what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import sys
from pathlib import Path

import typer
from rich.table import Table

from emoscope import __version__
from emoscope.apps.cli.console import out
from emoscope.apps.cli.options import Json

_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "av", "pooch", "typer", "rich")
_EXTRAS = {
    "keras": "h5py",
    "train": "torch",
    "words": "faster_whisper",
    "live": "pygame",
    "dashboard": "streamlit",
    "api": "fastapi",
    "batch": "ray",
}
_DECODERS = ("h264", "hevc", "vp9", "av1", "aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le")


def doctor(as_json: Json = False) -> None:
    """Versions, models, detector, decoders, camera and microphone."""
    facts = {
        "emoscope": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: _version(name) for name in _PACKAGES},
        "extras": ", ".join(
            f"{extra} {'yes' if importlib.util.find_spec(module) else 'no'}"
            for extra, module in _EXTRAS.items()
        ),
        "models": _models(),
        "detector": _detector(),
        "speech": _speech(),
        "decoders": _decoders(),
        "camera": _cameras(),
        "microphone": _microphones(),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, value)
    out.print(table)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _models() -> str:
    from emoscope.models import store

    return "\n".join(
        f"{item.name} {item.state}" + (f": {item.detail}" if item.state != "ok" else "")
        for item in store.verify_all()
    )


def _detector() -> str:
    from emoscope.models import store

    if store.is_available("yunet"):
        return "YuNet"
    return "Haar cascade (emoscope models fetch yunet brings the better one)"


def _speech() -> str:
    from emoscope.voice.activity import load_gate

    return load_gate().name


def _decoders() -> str:
    import av

    lacking = [name for name in _DECODERS if name not in av.codecs_available]
    have = ", ".join(name for name in _DECODERS if name not in lacking)
    return have + (f"; missing: {', '.join(lacking)}" if lacking else "")


def _cameras() -> str:
    """Seen without opening one: its light stays off."""
    if not sys.platform.startswith("linux"):
        return "not looked for on this system"
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return ", ".join(found) or "none seen"


def _microphones() -> str:
    if not sys.platform.startswith("linux"):
        return "not looked for on this system"
    listing = Path("/proc/asound/pcm")
    lines = listing.read_text().splitlines() if listing.is_file() else []
    found = [line.split(":")[1].strip() for line in lines if "capture" in line]
    return ", ".join(found) or "none seen"

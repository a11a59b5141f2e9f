"""Results made by hand and readers that need no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import AnalysisCancelledError
from emoscope.export import Format, write
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.media import Frame, Limits, Media, Sound, open_media
from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
    Word,
)

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

from streamlit.testing.v1 import AppTest

import emoscope.apps.dashboard as dashboard_package
from emoscope.apps.dashboard import session
from emoscope.apps.dashboard.desk import Desk

HERE = Path(dashboard_package.__file__).parent


def scores_of(
    label: str, share: float = 0.8, labels: tuple[str, ...] = SHARED, least: float = 0.3
) -> Scores:
    """One label with this share, the others with the rest in equal parts."""
    rest = (1 - share) / (len(labels) - 1)
    return Scores(labels, tuple(share if name == label else rest for name in labels), least)


def voice_of(start_s: float, end_s: float, label: str, share: float = 0.7) -> VoiceEmotion:
    return VoiceEmotion(start_s, end_s, scores_of(label, share, VOICE_LABELS.names))


def face_of(time_s: float, label: str, share: float = 0.8, track: int = 0) -> FaceEmotion:
    left = 10.0 + 60 * track
    return FaceEmotion(time_s, (left, 10.0, left + 40, 60.0), 0.9, track, scores_of(label, share))


@pytest.fixture(scope="session")
def talk() -> Analysis:
    """A video of four seconds: a face that turns from neutral to happy, a voice, words."""
    times = [index / 10 for index in range(40)]
    faces = tuple(face_of(t, "neutral" if t < 1.5 else "happy") for t in times)
    fused = tuple(
        FusedEmotion(
            t,
            scores_of("neutral" if t < 1.5 else "happy", 0.6),
            weights={"face": 0.6, "voice": 0.4, "words": 0.0},
            congruence=0.5,
            pairs={"face+voice": 0.5},
            track_id=0,
        )
        for t in times
    )
    said = (Word("Good", 0.5, 0.8, 0.9), Word(" <b>day</b>", 0.8, 1.2, 0.8))
    return Analysis(
        source="talk.mp4",
        kind="video",
        duration_s=4.0,
        size_px=(160, 120),
        has_sound=True,
        frames_read=40,
        models={"detector": "haar@1", "face": "f@1", "voice": "v@1", "transcriber": "w@1"},
        faces=faces,
        voice=(voice_of(0.5, 1.5, "calm"), voice_of(2.0, 3.5, "happy", 0.9)),
        words=(
            TextEmotion(0.5, 1.2, "Good <b>day</b>", scores_of("happy"), "en", 0.98, words=said),
        ),
        fused=fused,
    )


@dataclass
class MediaReader:
    """Reads what the medium is, and finds one face and one stretch of speech where it can."""

    label: str = "happy"
    names: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    before: Callable[[], None] | None = None

    def analyze(
        self,
        path: Path,
        name: str,
        progress: Callable[[float, float | None], None],
        cancelled: Callable[[], bool],
    ) -> Analysis:
        self.names.append(name)
        self.folders.append(path.parent)
        if self.before is not None:
            self.before()
        if cancelled():
            raise AnalysisCancelledError("stopped")
        with open_media(path, Limits()) as media:
            items = list(media.read(10.0))
            kind, duration_s = media.kind, media.duration_s or 0.0
        progress(1.0, 1.0)
        frames = [item for item in items if isinstance(item, Frame)]
        sound = any(isinstance(item, Sound) for item in items)
        size = frames[0].image_rgb.shape[1::-1] if frames else None
        return Analysis(
            source=name,
            kind=kind,
            duration_s=duration_s,
            size_px=None if size is None else (int(size[0]), int(size[1])),
            has_sound=sound,
            frames_read=len(frames),
            models={"detector": "haar@1", "face": "f@1"},
            faces=tuple(face_of(frame.time_s, self.label) for frame in frames),
            voice=(voice_of(0.0, min(duration_s, 1.0), self.label),) if sound else (),
        )

    def open(
        self, path: Path, name: str, cancelled: Callable[[], bool]
    ) -> AbstractContextManager[Media]:
        return open_media(path, Limits())

    def annotate(
        self,
        path: Path,
        analysis: Analysis,
        out: Path,
        progress: Callable[[float, float | None], None],
        cancelled: Callable[[], bool],
    ) -> None:
        write(analysis, out, Format.ANNOTATED, progress, source=path)


@pytest.fixture
def media_reader() -> MediaReader:
    return MediaReader()


def page(name: str) -> AppTest:
    """One page of the dashboard in Streamlit's own test harness, not run yet."""
    return AppTest.from_file(str(HERE / "screens" / f"{name}.py"), default_timeout=30)


def html_of(app: AppTest) -> str:
    """All that is drawn as HTML."""
    return "\n".join(element.proto.body for element in app.get("html"))


def text_of(app: AppTest) -> str:
    """All that is written as Markdown."""
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption])


@pytest.fixture
def fake_reader(monkeypatch: pytest.MonkeyPatch, media_reader: MediaReader) -> None:
    """Files are read without a model."""
    monkeypatch.setattr(session, "reader", lambda chosen: media_reader)


@pytest.fixture
def analysed(picture: bytes) -> Callable[..., AppTest]:
    """``analysed(("a.png", data), ...)``: the Analyse page with these files read."""

    def build(*files: tuple[str, bytes], **state: object) -> AppTest:
        app = page("analyse")
        for name, value in state.items():
            app.session_state[name] = value
        app.run()
        app.get("file_uploader")[0].set_value(
            [(name, content, "application/octet-stream") for name, content in files]
        )
        app.run()
        desk: Desk = app.session_state["desk"]
        assert desk.wait(30.0)
        return app.run()

    return build


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG."""
    import cv2

    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    image[10:60, 10:50] = (200, 180, 160)
    return bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture(scope="session")
def demo_media() -> Path:
    """The picture, recording and video that ship with emoscope."""
    import emoscope

    return Path(emoscope.__file__).parent / "apps" / "cli" / "demo_media"


@pytest.fixture(scope="session")
def expected() -> Callable[[Path], Analysis]:
    """What the library itself reads, with the models that the dashboard under test has."""
    from emoscope.analyzer import Analyzer

    analyzer = Analyzer(detector="haar")
    return lambda file: analyzer.analyze(file)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the user whose dashboard it is."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a dashboard runs, one for all tests with a browser."""
    from .browsing import dashboard

    with dashboard(home, tmp_path_factory.mktemp("models")) as found:
        yield found

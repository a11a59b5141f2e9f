"""Whisper's files: known, fetched, checked, or said to be absent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscope.errors import (
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
    UnknownModelError,
)
from emoscope.models import whisper
from emoscope.models.whisper import WhisperFile, WhisperSpec


@pytest.fixture
def sample(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], WhisperSpec]:
    """Make ``sample`` the only known size, published at the given address."""

    def build(address: str) -> WhisperSpec:
        sha256 = hashlib.sha256(content).hexdigest()
        files = tuple(WhisperFile(name, len(content), sha256) for name in whisper.NEEDED)
        spec = WhisperSpec("sample", address, files)
        monkeypatch.setattr(whisper, "known", lambda: {"sample": spec})
        return spec

    return build


def test_the_known_sizes_are_pinned_and_whole() -> None:
    assert list(whisper.known()) == ["tiny", "base", "small", "medium", "large-v3", "turbo"]
    for size, spec in whisper.known().items():
        assert re.fullmatch(r"https://\S+/resolve/[0-9a-f]{40}", spec.address)
        assert set(whisper.NEEDED) < {file.name for file in spec.files}
        assert any(file.name.startswith("vocabulary.") for file in spec.files)
        assert spec.files[-1].name == "model.bin"
        assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in spec.files)
        assert whisper.find(size) is whisper.find(f"whisper-{size}") is spec
    # 128 mel bands are told by this file alone.
    for size in ("large-v3", "turbo"):
        names = [file.name for file in whisper.known()[size].files]
        assert "preprocessor_config.json" in names


def test_it_is_fetched_once_with_progress_and_then_found(
    server: object, sample: Callable[[str], WhisperSpec], content: bytes
) -> None:
    # The server takes any path for a behaviour; unknown ones serve the content.
    spec = sample(server.address("good"))  # type: ignore[attr-defined]
    seen: list[tuple[int, int]] = []
    folder, name = whisper.folder_of(
        "sample", obtain=True, progress=lambda done, total: seen.append((done, total))
    )
    assert name == f"whisper-sample@{spec.version}"
    assert {path.name for path in folder.iterdir()} == set(whisper.NEEDED)
    assert seen == sorted(seen)
    assert seen[-1] == (3 * len(content), 3 * len(content))
    assert server.requests == 3  # type: ignore[attr-defined]
    assert whisper.folder_of("sample")[0] == folder
    (folder / "model.bin").write_bytes(b"?")
    with pytest.raises(ModelIntegrityError, match="emoscope models fetch whisper-sample"):
        whisper.folder_of("sample")
    whisper.fetch(spec)
    assert server.requests == 4  # type: ignore[attr-defined]
    assert whisper.folder_of("sample")[0] == folder


def test_what_is_not_the_published_file_is_not_kept(
    tmp_path: Path, sample: Callable[[str], WhisperSpec]
) -> None:
    spec = sample("http://nowhere.invalid")
    for name in whisper.NEEDED:
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(ModelIntegrityError, match="not the published"):
        whisper.fetch(spec, from_folder=tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        whisper.fetch(spec, from_folder=tmp_path / "nowhere")
    assert not whisper.is_available(spec)
    assert not list(spec.folder.iterdir())


def test_offline_one_line_holds_the_command_and_a_folder_helps(
    tmp_path: Path, sample: Callable[[str], WhisperSpec], content: bytes
) -> None:
    spec = sample("http://nowhere.invalid")
    for obtain in (False, True):
        with pytest.raises(ModelUnavailableError) as raised:
            whisper.folder_of("sample", obtain=obtain)
        assert "emoscope models fetch whisper-sample" in str(raised.value)
        assert "EMOSCOPE_OFFLINE" in str(raised.value)
        assert "\n" not in str(raised.value)
    for name in whisper.NEEDED:
        (tmp_path / name).write_bytes(content)
    assert whisper.fetch(spec, from_folder=tmp_path) == spec.folder
    assert whisper.folder_of("sample")[0] == spec.folder


def test_a_folder_of_ones_own_must_hold_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"give a size \(tiny, base"):
        whisper.folder_of("tinny")
    (tmp_path / "talk.mp4").write_bytes(b"")
    with pytest.raises(UnknownModelError, match="no folder"):
        whisper.folder_of(tmp_path / "talk.mp4")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelIntegrityError, match=r"lacks model\.bin, tokenizer\.json"):
        whisper.folder_of(tmp_path)
    for name in whisper.NEEDED:
        (tmp_path / name).write_bytes(b"")
    assert whisper.folder_of(tmp_path) == (tmp_path, tmp_path.name)

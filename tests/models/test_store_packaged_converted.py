from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoscope.errors import (
    MissingExtraError,
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
)
from emoscope.models import catalog, keras_import, store
from emoscope.models.catalog import ModelSpec

Publish = Callable[..., ModelSpec]


def leftovers() -> list[str]:
    return [p.name for p in store.cache_dir().rglob("*") if p.is_file()]


def test_a_missing_packaged_model_says_so(publish: Publish) -> None:
    publish(None, file="weights/none.onnx")
    for attempt in (store.path_of, store.fetch):
        with pytest.raises(
            ModelUnavailableError, match=r"weights/none\.onnx is missing: reinstall"
        ):
            attempt("sample")
    assert store.try_fetch("sample") is None
    assert store.verify("sample").state == "absent"


def test_verify_of_a_packaged_model(
    publish: Publish, tiny_face_model: Callable[..., Path], tmp_path: Path
) -> None:
    # An absolute path stands in for one relative to the package.
    path = tiny_face_model(tmp_path / "m.onnx", name="sample")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    publish(None, file=str(path), role="face", sha256=sha256)
    [found] = store.verify_all()
    assert (found.state, found.path, found.role, found.version) == ("ok", path, "face", "1")
    assert found.detail == "SHA-256, metadata, graph"
    with pytest.raises(ModelError, match="ships with emoscope"):
        store.fetch("sample", from_file=path)
    publish(None, file=str(path), role="face", sha256=sha256, version="2")
    assert "its version is '1', the catalog's '2'" in store.verify("sample").detail
    publish(None, file=str(path), role="face", sha256="0" * 64)
    found = store.verify("sample")
    assert (found.state, found.path) == ("damaged", path)
    assert "reinstall emoscope" in found.detail


@pytest.fixture
def converted(
    publish: Publish,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
    tiny_face_model: Callable[..., Path],
    tmp_path: Path,
) -> Path:
    """The published file of a model whose conversion is replaced by a tiny model."""
    model = tiny_face_model(tmp_path / "tiny.onnx", name="sample").read_bytes()
    publish(
        "http://127.0.0.1:9/x",
        role="face",
        file="sample.hdf5",
        conversion="keras-mini-xception",
        extra="keras",
    )
    monkeypatch.setattr(keras_import, "convert", lambda data, name, version: model)
    brought = tmp_path / "sample.hdf5"
    brought.write_bytes(content)
    return brought


def test_a_converted_model_is_kept_with_its_record(converted: Path) -> None:
    path = store.fetch("sample", from_file=converted)
    record = json.loads((path.parent / "sample.json").read_text())
    assert record == {
        "conversion": f"keras-mini-xception/{keras_import.VERSION}",
        "source_sha256": catalog.find("sample").sha256,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert sorted(leftovers()) == sorted([path.name, "sample.json"])
    assert store.path_of("sample") == path
    assert store.is_available("sample")
    assert store.verify("sample").state == "ok"


def test_the_published_file_laid_into_the_cache_is_converted_offline(converted: Path) -> None:
    converted.rename(store.cache_dir() / "sample.hdf5")
    assert not store.is_available("sample")
    assert store.fetch("sample").suffix == ".onnx"


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../tiny.onnx"},
        {"file": 3},
        {"sha256": "0" * 64},
        {"source_sha256": "0" * 64},
        {"conversion": "keras-mini-xception/0"},
        {"file": "none.onnx"},
        None,
    ],
)
def test_a_changed_record_is_refused_and_repaired(
    converted: Path, change: dict[str, Any] | None
) -> None:
    path = store.fetch("sample", from_file=converted)
    place = path.parent / "sample.json"
    record = json.loads(place.read_text())
    place.write_text("{" if change is None else json.dumps({**record, **change}))
    with pytest.raises(ModelIntegrityError, match="emoscope models fetch sample"):
        store.path_of("sample")
    assert store.fetch("sample", from_file=converted) == path
    assert store.path_of("sample") == path


def test_a_changed_converted_model_is_refused(converted: Path) -> None:
    path = store.fetch("sample", from_file=converted)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelIntegrityError, match="damaged or changed"):
        store.path_of("sample")


def test_a_missing_extra_is_told_before_anything_is_downloaded(
    server: Any, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server.address("good"), conversion="keras-mini-xception", extra="keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[keras\]'"):
        store.fetch("sample")
    assert server.requests == 0

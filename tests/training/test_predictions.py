from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.errors import DatasetError
from emoscope.training.predictions import Predictions


def some(n: int = 4, *, start: int = 0, seconds: bool = True, default: bool = False) -> Predictions:
    return Predictions(
        names=tuple(f"corpus/é {row}.wav" for row in range(start, start + n)),
        truth=np.arange(n) % 2,
        probs=np.tile([0.25, 0.75], (n, 1)),
        labels=("YAF/happy", "sad"),
        speakers=("", "01") * (n // 2),
        seconds=np.linspace(0.5, 2, n) if seconds else None,
        default=np.tile([0.5, 0.5], (n, 1)) + start / 100 if default else None,
    )


def same(one: Predictions, other: Predictions) -> bool:
    if (one.seconds is None) != (other.seconds is None):
        return False
    timed = one.seconds is None or np.array_equal(one.seconds, other.seconds)
    words = (one.names, one.labels, one.speakers) == (other.names, other.labels, other.speakers)
    numbers = np.array_equal(one.truth, other.truth) and np.array_equal(one.probs, other.probs)
    return timed and words and numbers


@pytest.mark.parametrize("seconds", [True, False])
def test_what_is_saved_is_read_again(tmp_path: Path, seconds: bool) -> None:
    path = tmp_path / "run" / "predictions.npz"
    some(seconds=seconds).save(path)
    assert same(Predictions.load(path), some(seconds=seconds))
    first = path.read_bytes()
    some(seconds=seconds).save(path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_folds_are_joined_in_order() -> None:
    both = Predictions.join([some(4), some(2, start=4)])
    assert same(both, some(6)) is False, "the truth and the seconds of each part are kept"
    assert both.names == some(6).names
    assert both.truth.tolist() == [0, 1, 0, 1, 0, 1]
    assert both.seconds is not None
    assert both.seconds[4:].tolist() == [0.5, 2.0]
    assert Predictions.join([some(), some(seconds=False)]).seconds is None


def test_default_answers_are_kept_and_joined(tmp_path: Path) -> None:
    both = Predictions.join([some(4, default=True), some(2, start=4, default=True)])
    assert both.default is not None
    assert both.default[:, 0].tolist() == [0.5] * 4 + [0.54] * 2
    both.save(tmp_path / "p.npz")
    again = Predictions.load(tmp_path / "p.npz")
    assert np.array_equal(again.default, both.default)
    assert same(again, both)
    assert Predictions.join([some(default=True), some()]).default is None
    some().save(tmp_path / "p.npz")  # as files of before have it
    with np.load(tmp_path / "p.npz") as file:
        assert "default" not in file.files
    assert Predictions.load(tmp_path / "p.npz").default is None


def test_default_answers_must_fit() -> None:
    with pytest.raises(ValueError, match="need shapes"):
        replace(some(), default=np.ones((4, 3)))


def test_folds_of_other_labels_are_not_joined() -> None:
    other = Predictions(("a",), np.array([0]), np.ones((1, 1)), ("happy",), ("",))
    with pytest.raises(DatasetError, match="different labels"):
        Predictions.join([some(), other])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="need shapes"):
        Predictions(("a",), np.array([0, 1]), np.ones((1, 1)), ("happy",), ("",))
    with pytest.raises(ValueError, match="truth of 0 to 0"):
        Predictions(("a",), np.array([1]), np.ones((1, 1)), ("happy",), ("",))


class Trap:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    arrays = {"names": np.array([Trap(sprung)], object), "truth": np.array([0])}
    path = tmp_path / "predictions.npz"
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(DatasetError, match="not the predictions"):
        Predictions.load(path)
    assert not sprung.exists()


def test_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        Predictions.load(tmp_path / "none.npz")
    for name, content in (("empty", b""), ("text", b"hello"), ("zip", b"PK\x03\x04")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=f"{name}: not the predictions"):
            Predictions.load(tmp_path / name)
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", names=np.zeros(3))
    for name in ("array.npy", "other.npz", "."):
        with pytest.raises(DatasetError, match="not the predictions"):
            Predictions.load(tmp_path / name)


@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=120, deadline=None)
def test_damage_is_told_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("damage") / "predictions.npz"
    some().save(path)
    content = io.BytesIO(path.read_bytes())
    place %= len(content.getvalue())
    content.seek(place)
    content.truncate() if cut else content.write(bytes([value]))
    path.write_bytes(content.getvalue())
    try:
        Predictions.load(path)
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017 - some damage changes nothing that is read

"""The fusion file: read strictly, nothing taken on trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emoscope.errors import ModelIntegrityError
from emoscope.fusion.model import CASES, FusionModel, case_of, load, parse, read
from emoscope.fusion.quality import MEASURES, MODALITIES, Curve

MODEL = FusionModel(
    name="emoscope-fusion",
    version="1",
    reliabilities={"face": 1.0, "voice": 0.5},
    temperatures={"face+voice": 0.5},
    priors={"face": (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)},
    curves={"face": {"size_px": Curve(((6.0, 0.1), (48.0, 1.0)))}},
    corpora=("fer2013",),
    protocol="pairs",
    licence="MIT",
    metrics={"n": 3},
)


def changed(**changes: Any) -> bytes:
    document = {**json.loads(MODEL.to_json()), **changes}
    return json.dumps({k: v for k, v in document.items() if v != "gone"}).encode()


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    assert parse(MODEL.to_json().encode()) == MODEL
    (tmp_path / "fusion.json").write_text(MODEL.to_json(), encoding="utf-8")
    assert read(tmp_path / "fusion.json") == MODEL
    with pytest.raises(ModelIntegrityError, match=r"gone\.json: cannot be read"):
        read(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe", "codec"),
        (b"[]", "not an object"),
        (b"{}", "schema"),
        (b"[" * 100_000, "."),
        (b" " * 300_000, "larger"),
        (b'{"schema": "emoscope.fusion/1", "schema": "x"}', "twice"),
        (changed(schema="emoscope.fusion/2"), "schema"),
        (changed(more=1), "more"),
        (changed(priors="gone"), "priors"),
        (changed(name=3), "name must be text"),
        (changed(corpora="x"), "lines of text"),
        (changed(metrics=[]), "metrics"),
        (changed(reliabilities={"gait": 1.0}), "gait"),
        (changed(reliabilities={"face": True}), "expected a number"),
        (changed(reliabilities={"face": "1"}), "expected a number"),
        (changed(reliabilities={"face": -1.0}), "not negative"),
        (changed(reliabilities={"face": float("nan")}), "NaN is no number"),
        (changed(temperatures={"face": 1.0}), "unknown case"),
        (changed(temperatures={"face+voice": 0.0}), "0.05"),
        (changed(priors={"face": [0.5, 0.5]}), "prior of face"),
        (changed(priors={"face": [0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]}), "prior of face"),
        (changed(curves={"face": {"words": [[1, 1]]}}), "measure of face"),
        (changed(curves={"face": {"size_px": [[2, 1], [1, 1]]}}), "rising"),
        (changed(curves={"face": {"size_px": [[1, 2, 3]]}}), "two numbers"),
        (changed(curves={"face": {"size_px": 3}}), "list of points"),
    ],
)
def test_what_is_no_fusion_model_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(ModelIntegrityError, match=message) as found:
        parse(data, "fusion.json")
    assert "\n" not in str(found.value)
    assert str(found.value).startswith("fusion.json: ")


def test_the_model_that_ships_is_whole() -> None:
    model = load()
    assert model.at_version.startswith("emoscope-fusion@")
    known = set(model.reliabilities)
    assert {"face", "voice"} <= known
    assert set(model.temperatures) == {c for c in CASES if "+" in c and set(c.split("+")) <= known}
    for name in known:
        assert len(model.priors[name]) == 7
        assert set(model.curves[name]) == set(MEASURES[name])
    reported = {row["case"]: row for row in model.metrics["cases"]}
    assert set(reported) == {case for case in CASES if set(case.split("+")) <= known}
    for case in model.temperatures:
        assert reported[case]["margin_interval"][0] > 0


def test_cases_have_one_order() -> None:
    assert case_of(["words", "face"]) == "face+words"
    assert CASES == (
        "face", "voice", "words", "face+voice", "face+words", "voice+words", "face+voice+words",
    )  # fmt: skip
    assert CASES[:3] == MODALITIES

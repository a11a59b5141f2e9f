from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.errors import ModelIntegrityError
from emoscope.labels import TO_SHARED, LabelSet
from emoscope.models.catalog import ROLES
from emoscope.models.metadata import DTYPES, ModelMetadata

text = st.text(min_size=1).filter(lambda value: value.strip() != "")
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=4)
inputs = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1),
        "dtype": st.sampled_from(DTYPES),
        "shape": st.lists(st.integers(1, 10**6) | st.text(min_size=1), min_size=1, max_size=4),
    },
    optional={"sample_rate": st.integers()},
)
label_sets = st.lists(st.sampled_from(sorted(TO_SHARED)), min_size=1, unique=True).map(
    lambda names: LabelSet(tuple(names))
)
metadata = st.builds(
    ModelMetadata,
    name=text,
    version=text,
    role=st.sampled_from(ROLES),
    labels=label_sets,
    input=inputs,
    preprocessing=text,
    calibration=objects,
    corpus=text,
    split=text,
    metrics=objects,
    licence=text,
)
KEYS = [field.name for field in dataclasses.fields(ModelMetadata)]


def sample(**changes: Any) -> ModelMetadata:
    fields: dict[str, Any] = {
        "name": "sample",
        "version": "2",
        "role": "face",
        "labels": LabelSet(("happy", "sad")),
        "input": {"name": "crops", "dtype": "uint8", "shape": ["n", 48, 48]},
        "preprocessing": "none",
        "calibration": {"temperature": 1.5},
        "corpus": "c",
        "split": "s",
        "metrics": {"n": 3},
        "licence": "MIT",
        **changes,
    }
    return ModelMetadata(**fields)


@given(metadata)
def test_round_trip(value: ModelMetadata) -> None:
    props = value.to_props()
    assert all(key.startswith("emoscope.") and isinstance(props[key], str) for key in props)
    assert ModelMetadata.from_props({**props, "someone.else": "x"}) == value


def test_props_as_written() -> None:
    props = sample().to_props()
    assert set(props) == {f"emoscope.{key}" for key in KEYS}
    assert props["emoscope.labels"] == '["happy", "sad"]'
    assert props["emoscope.name"] == "sample"
    assert sample().at_version == "sample@2"


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named(key: str) -> None:
    props = sample().to_props()
    del props[f"emoscope.{key}"]
    with pytest.raises(ModelIntegrityError, match=rf"lacks emoscope\.{key}$"):
        ModelMetadata.from_props(props)


def test_a_foreign_model() -> None:
    with pytest.raises(ModelIntegrityError, match="not an emoscope model"):
        ModelMetadata.from_props({"author": "x"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", "happy, sad", r"emoscope\.labels is no JSON"),
        ("labels", '{"happy": 0}', "no list of texts"),
        ("labels", '["happy", 1]', "no list of texts"),
        ("labels", '["happy", "joy"]', "unknown labels"),
        ("labels", '["happy", "happy"]', "distinct"),
        ("labels", "[]", "not empty"),
        ("role", "nose", "role must be one of"),
        ("name", "  ", "name must be a text"),
        ("metrics", "[1]", "metrics must be a mapping"),
        ("metrics", '{"accuracy": NaN}', "NaN is no number"),
        ("calibration", "[" * 100_000, r"emoscope\.calibration is no JSON"),
        ("input", "{}", "input.name"),
        ("input", '{"name": "x", "dtype": "float16", "shape": [1]}', "input.dtype"),
        ("input", '{"name": "x", "dtype": "uint8", "shape": []}', "input.shape"),
        ("input", '{"name": "x", "dtype": "uint8", "shape": [0]}', "input.shape"),
        ("input", '{"name": "x", "dtype": "uint8", "shape": [true]}', "input.shape"),
        ("input", '{"name": "x", "dtype": "uint8", "shape": "n"}', "input.shape"),
    ],
)
def test_wrong_values_are_named(key: str, value: str, message: str) -> None:
    props = {**sample().to_props(), f"emoscope.{key}": value}
    with pytest.raises(ModelIntegrityError, match=message):
        ModelMetadata.from_props(props)


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"a": float("nan")}},
        {"metrics": {"a": {1, 2}}},
        {"metrics": {1: 2}},
        {"name": 3},
    ],
)
def test_what_no_file_could_hold_is_refused_when_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metrics|name"):
        sample(**changes)

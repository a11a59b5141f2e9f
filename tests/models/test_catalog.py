from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from emoscope.errors import UnknownModelError
from emoscope.models import catalog as catalog_module
from emoscope.models.catalog import NO_DIGEST, catalog, find, parse

ENTRY = """
[some-model]
role = "face"
title = "t"
version = "1"
file = "f.onnx"
sha256 = "{digest}"
size_bytes = 1
packaged = false
licence = "MIT"
source = "s"
url = "https://example.org/f.onnx"
"""


def test_known_models() -> None:
    roles = {name: spec.role for name, spec in catalog().items()}
    assert roles == {
        "emoscope-face": "face",
        "emoscope-voice": "voice",
        "emoscope-words": "words",
        "emoscope-fusion": "fusion",
        "emoscope-translation": "translation",
        "yunet": "detector",
        "mini-xception": "face",
    }


@pytest.mark.parametrize("name", [n for n, s in catalog().items() if s.url])
def test_addresses_are_pinned_to_a_commit_and_end_in_the_file(name: str) -> None:
    spec = find(name)
    assert spec.url is not None
    assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", spec.url)
    assert spec.url.endswith("/" + spec.file)
    assert spec.sha256 != NO_DIGEST


@pytest.mark.parametrize("name", [n for n, s in catalog().items() if s.packaged])
def test_packaged_files_are_those_that_the_catalog_states(name: str) -> None:
    spec = find(name)
    path = Path(catalog_module.__file__).parent / spec.file
    if spec.sha256 == NO_DIGEST:
        assert not path.exists(), f"write the digest and size of {path.name} into catalog.toml"
        return
    data = path.read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (spec.sha256, spec.size_bytes)
    assert len(data) < 10_000_000


@pytest.mark.parametrize("name", ["yunet", "mini-xception"])
def test_published_files_at_hand_are_those_of_the_catalog(name: str, shared_dir: Path) -> None:
    spec = find(name)
    data = (shared_dir / "models" / spec.file).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (spec.sha256, spec.size_bytes)


def test_unknown_name_lists_the_known_and_guesses() -> None:
    with pytest.raises(UnknownModelError, match=r"did you mean yunet\? known are emoscope-face, "):
        find("YuNet2")
    with pytest.raises(UnknownModelError, match="'zzz': known are"):
        find("zzz")


def test_a_good_entry_is_read() -> None:
    spec = parse(ENTRY.format(digest="a" * 64))["some-model"]
    assert (spec.at_version, spec.packaged, spec.conversion) == ("some-model@1", False, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('role = "face"', 'role = "fce"', "role must be one of"),
        ("a" * 64, "A" * 64, "bad sha256"),
        ("packaged = false", "packaged = true", "either packaged or with a url"),
        ('title = "t"', "", "title"),
        ('title = "t"', 'titel = "t"', "titel"),
        ('"f.onnx"', '"../f.onnx"', "plain name"),
        ("size_bytes = 1", "size_bytes = 0", "size_bytes"),
        ("[some-model]", "['../x']", "bad name"),
        ('source = "s"', 'source = "s"\nconversion = "x"', "unknown conversion"),
    ],
)
def test_wrong_entries_are_refused(old: str, new: str, message: str) -> None:
    text = ENTRY.format(digest="a" * 64).replace(old, new, 1)
    with pytest.raises(ValueError, match=message):
        parse(text)

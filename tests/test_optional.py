"""A missing extra answers with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emoscope._optional import require
from emoscope.errors import EmoscopeError, MissingExtraError


def test_what_is_there_is_imported() -> None:
    assert require("json.decoder", extra="words").__name__ == "json.decoder"


def test_what_is_missing_names_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[words\]'") as caught:
        require("no_such_module_of_ours.sub", extra="words")
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, EmoscopeError)


def test_a_module_broken_inside_is_not_taken_for_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_inside.py").write_text("import another_missing_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_missing_module") as caught:
        require("broken_inside", extra="words")
    assert not isinstance(caught.value, MissingExtraError)

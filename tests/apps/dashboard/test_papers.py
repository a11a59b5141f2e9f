from __future__ import annotations

from collections.abc import Mapping

import pytest

from emoscope.apps.dashboard import papers
from emoscope.models.catalog import catalog
from emoscope.models.load import load


def test_every_matrix_is_of_a_version_that_ships_and_agrees_with_its_accuracy() -> None:
    for name, matrix in papers.matrices().items():
        spec = catalog()[name]
        assert matrix.model == spec.at_version
        assert all(len(row) == len(matrix.labels) for row in matrix.counts)
        if not spec.packaged:
            continue
        measured = [
            values["accuracy"]
            for parts in load(name).metadata.metrics.values()
            for values in parts.values()
            if isinstance(values, Mapping) and values["n"] == matrix.n
        ]
        right = sum(row[index] for index, row in enumerate(matrix.counts))
        assert measured[0] == pytest.approx(right / matrix.n, abs=0.005)


def test_a_matrix_is_drawn_in_shares_of_its_rows() -> None:
    drawn = papers.matrix_table(papers.Matrix("m@1", "p", ("<a>", "b"), ((3, 1), (0, 0))))
    assert "&lt;a&gt;" in drawn
    assert ">75<" in drawn
    assert ">25<" in drawn
    assert drawn.count("class=right") == 2


@pytest.mark.parametrize("name", ["emoscope-face", "emoscope-voice", "emoscope-words"])
def test_figures_come_with_protocol_and_number(name: str) -> None:
    rows = papers.figures(load(name).metadata.metrics)
    assert rows
    for row in rows:
        assert len(row["measured on"]) > 10
        assert int(row["n"].replace(",", "")) > 50


def test_cards_lead_nowhere_but_out() -> None:
    for name in catalog():
        card = papers.card(name)
        if card is not None:
            assert "](../" not in card
            assert "\n## " not in card
    assert papers.page("no such page.md") is None


def test_responsible_use_is_here() -> None:
    page = papers.page("responsible-use.md")
    assert page is not None
    assert "Do not use it" in page

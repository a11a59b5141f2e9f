"""The cross-corpus table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emoscope.training.report import style

_LARGEST, _TOP, _LONGEST = 1.3, 1.5, 14


def draw_matrix(
    recipe: str,
    corpora: Sequence[str],
    uar: Sequence[Sequence[float]],
    counts: Sequence[Sequence[int]],
    path: Path,
) -> None:
    """Rows are corpora trained on, columns corpora measured on; shade and number are UAR.

    Args:
        recipe: that made the models.
        corpora: names, in the order of rows and columns.
        uar: ``(corpora, corpora)`` within [0, 1].
        counts: ``(corpora, corpora)`` items.
        path: of the PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    names = [style.shorten(name, _LONGEST) for name in corpora]
    left = style.MARGIN + 0.25 + 0.085 * max(map(len, names))
    cell = min(_LARGEST, (style.WIDTH - style.MARGIN - left) / len(names))
    with style.picture(path, _TOP + len(names) * cell + 0.3) as figure:
        style.heading(
            figure,
            "Across corpora",
            f"{recipe}. Rows: trained on. Columns: measured on. UAR, and number of items.",
            "Framed: other speakers or pictures of the same corpus. Else: all of the other corpus.",
        )
        for row, name in enumerate(names):
            middle = (row + 0.5) * cell
            style.write(figure, left - 0.15, _TOP + middle + 0.04, name, ha="right")
            style.write(figure, left + middle, _TOP - 0.12, name, ha="center")
            for column, (share, count) in enumerate(zip(uar[row], counts[row], strict=True)):
                x, y = left + column * cell, _TOP + row * cell
                shade = style.blend(share, style.RIGHT, "#F0F4F9")
                edge = 0.02 * cell
                if row == column:
                    frame = style.blend(1, style.INK)
                    style.block(figure, x, y, cell, frame, round_by=3 * edge)
                style.block(figure, x + edge, y + edge, cell - 2 * edge, shade, round_by=2 * edge)
                text = {"ha": "center", "color": style.ink_for(shade)}
                line = y + cell / 2 + 0.02
                style.write(
                    figure, x + cell / 2, line, f"{share:.0%}", size=11, weight="bold", **text
                )
                style.write(
                    figure, x + cell / 2, line + 0.17, f"{count:,}", size=7.5, alpha=0.8, **text
                )

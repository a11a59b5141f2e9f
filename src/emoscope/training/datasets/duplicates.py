"""Pictures and recordings that a corpus holds more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.95
_SIDE = 24  # pictures are compared this small, where noise and compression count for little
_BASIS = 32  # directions of the quick look, which holds most of what tells faces apart
_AT_ONCE = 16_000_000  # cells of a block: 64 MB

Progress = Callable[[int, int], None]


def near_pairs(
    crops: NDArray[np.uint8], threshold: float = THRESHOLD, progress: Progress | None = None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """All pairs of pictures that are nearly one, as they are or one of them mirrored.

    Two pictures count as one when they correlate at least ``threshold`` at 24×24 pixels. Every
    pair is looked at, first in 32 directions and what lies outside of them: by Cauchy and Schwarz
    ``x·y <= Px·Py + |x - Px| |y - Py|``, so that a pair below the threshold there needs no second
    look, and none above it is missed.

    Args:
        crops: ``(n, size, size)`` uint8 grey. A picture of one grey level is like none.
        threshold: correlation within (0, 1].
        progress: called with pictures done and pictures in all.

    Returns:
        Pairs ``(m, 2)`` of numbers, the lower first, and ``(m,)`` whether they match only mirrored.
    """
    rows, mirrored = unit_rows(crops), unit_rows(crops[:, :, ::-1])
    basis = _directions(rows)
    quick, others = _shadow(rows, basis), (_shadow(rows, basis), _shadow(mirrored, basis))
    found: list[NDArray[np.int64]] = []
    step = max(1, min(2048, _AT_ONCE // max(1, len(rows))))
    for start in range(0, len(rows), step):
        for turned, (shadow, full) in enumerate(zip(others, (rows, mirrored), strict=True)):
            bound = quick[start : start + step] @ shadow[start:].T
            first, second = np.nonzero(bound >= threshold - 1e-4)
            keep = second > first
            pairs = np.stack([first[keep], second[keep]], 1) + start
            pairs = pairs[_correlations(rows, full, pairs) >= threshold]
            found.append(np.column_stack([pairs, np.full(len(pairs), turned)]))
        if progress is not None:
            progress(min(start + step, len(rows)), len(rows))
    table = np.concatenate(found) if found else np.empty((0, 3), np.int64)
    # A pair that matches both ways (a symmetrical face) is one pair, and needs no mirror.
    table = table[np.lexsort(table.T)]
    _, first_of = np.unique(table[:, :2], axis=0, return_index=True)
    return table[first_of, :2], table[first_of, 2].astype(bool)


def unit_rows(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Crops ``(n, size, size)`` as rows ``(n, 576)`` whose products are correlations.

    A picture of one grey level becomes a row of zeros.
    """
    rows = np.empty((len(crops), _SIDE * _SIDE), np.float32)
    for row, crop in zip(rows, crops, strict=True):
        small = cv2.resize(crop.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        row[:] = small.reshape(-1)
    rows -= rows.mean(1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    # Rounding leaves a trace of a flat picture, which must not be blown up to a likeness.
    rows *= np.divide(1, norms, out=np.zeros_like(norms), where=norms > 1e-2)
    return rows


def _directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthonormal ``(576, 32)``: the principal directions of (at most 8,000) rows."""
    sample = rows[:: max(1, len(rows) // 8000)]
    _, vectors = np.linalg.eigh(sample.T @ sample)
    basis: NDArray[np.float32] = vectors[:, ::-1][:, :_BASIS]
    return basis


def _shadow(rows: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows within the basis, and the length of what lies outside: ``(n, 33)``."""
    inside = rows @ basis
    outside = np.sqrt(np.maximum(0, (rows**2).sum(1) - (inside**2).sum(1)))
    return np.column_stack([inside, outside])


def _correlations(
    rows: NDArray[np.float32], others: NDArray[np.float32], pairs: NDArray[np.int64]
) -> NDArray[np.float32]:
    parts = [
        np.einsum("ij,ij->i", rows[part[:, 0]], others[part[:, 1]])
        for part in np.array_split(pairs, len(pairs) // 20_000 + 1)
    ]
    return np.concatenate(parts)


def groups_of(n: int, pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Items that pairs ``(m, 2)`` link, directly or through others: groups of two or more.

    Args:
        n: items in all.
        pairs: of numbers below ``n``.
    """
    parent = list(range(n))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for first, second in pairs.tolist():
        parent[root(second)] = root(first)
    return _gathered((item, root(item)) for item in np.unique(pairs).tolist())


def same_bytes(items: Iterable[NDArray[np.generic]]) -> list[NDArray[np.int64]]:
    """Arrays that are one and the same, bit for bit: groups of two or more."""
    digests = (
        hashlib.sha256(np.ascontiguousarray(item).data).digest() + repr(item.shape).encode()
        for item in items
    )
    return _gathered(enumerate(digests))


def _gathered(keyed: Iterable[tuple[int, object]]) -> list[NDArray[np.int64]]:
    groups: dict[object, list[int]] = {}
    for item, key in keyed:
        groups.setdefault(key, []).append(item)
    return [np.array(group, np.int64) for group in groups.values() if len(group) > 1]

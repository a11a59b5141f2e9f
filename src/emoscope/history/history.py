"""Keep results, find them again, give them out, forget them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, Select, delete, func, insert, select

from emoscope._closing import Closing
from emoscope.errors import HistoryError
from emoscope.export.formats import Format
from emoscope.export.plain import one_line
from emoscope.history.connect import connect, failing_clearly, leave_no_trace, reading, writing
from emoscope.history.entry import MODALITIES, Day, Entry
from emoscope.history.gather import gather
from emoscope.history.place import locate
from emoscope.history.tables import RESULTS, bring_up_to_date
from emoscope.labels import plain_label
from emoscope.results import Analysis, mean_scores

_LABELS = tuple(RESULTS.c[f"{name}_label"] for name in MODALITIES)
_AT_ONCE = 64  # documents in memory while all are given out

_Documents = list[str]  # inside the class, list is a method
_Selected = TypeVar("_Selected", bound=Select[Any])


class History(Closing):
    """Results that were kept, in SQLite or PostgreSQL; see :meth:`open`.

    Threads may share one, and several processes may open the same database.

    >>> with History.open() as history:  # doctest: +SKIP
    ...     number = history.add(analysis)
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str | None = None) -> History:
        """Open the history, which is made where there is none.

        Args:
            url: path of an SQLite file, ``sqlite:///PATH`` or ``postgresql://...``; what
                ``EMOSCOPE_HISTORY`` says, or else a file in the user's data folder, where None.

        Raises:
            HistoryError: it cannot be opened, or a newer emoscope made it.
            MissingExtraError: the driver for PostgreSQL is not installed.
        """
        engine = connect(locate(url))
        try:
            with writing(engine) as connection:
                bring_up_to_date(connection)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def add(self, analysis: Analysis, *, at: datetime | None = None) -> int:
        """Keep one result.

        Args:
            analysis: what was read.
            at: when; now where None.

        Returns:
            Its number.

        Raises:
            HistoryError: it cannot be written.
        """
        when = (at or datetime.now()).astimezone()
        labels = _labels(analysis)
        source = one_line(analysis.source)
        words = (source, analysis.kind, *filter(None, labels.values()))
        row = {
            "at_ms": round(when.timestamp() * 1000),
            "day": when.date().isoformat(),
            "source": source,
            "kind": analysis.kind,
            "duration_s": round(analysis.duration_s, 3),
            "faces": len(analysis.track_ids),
            **{f"{name}_label": label for name, label in labels.items()},
            "found_by": " ".join(words).casefold(),
            "document": json.dumps(analysis.to_dict()),
        }
        with writing(self._engine) as connection:
            key: Any = connection.execute(insert(RESULTS).values(row)).inserted_primary_key
        return int(key[0])

    def list(
        self, search: str | None = None, *, limit: int = 50, before: int | None = None
    ) -> tuple[Entry, ...]:
        """Results, the newest first.

        Args:
            search: words that all stand in the name, the kind or a label.
            limit: so many at most.
            before: only those with smaller numbers: the last of the page before.

        Raises:
            HistoryError: the database fails.
        """
        columns = RESULTS.c
        listed = (columns.id, columns.at_ms, columns.source, columns.kind, columns.duration_s)
        wanted = _matching(select(*listed, columns.faces, *_LABELS), search)
        if before is not None:
            wanted = wanted.where(columns.id < before)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(columns.id.desc()).limit(limit)).all()
        return tuple(map(_entry, rows))

    def count(self, search: str | None = None) -> int:
        """How many results there are that match, see :meth:`list`; raises the same."""
        with reading(self._engine) as connection:
            wanted = _matching(select(func.count()).select_from(RESULTS), search)
            return int(connection.execute(wanted).scalar_one())

    def show(self, number: int) -> Analysis:
        """One result whole.

        Raises:
            HistoryError: there is none of that number, or the database fails.
        """
        with reading(self._engine) as connection:
            wanted = select(RESULTS.c.document).where(RESULTS.c.id == number)
            document = connection.execute(wanted).scalar_one_or_none()
        if document is None:
            raise _missing(number)
        try:
            return Analysis.from_dict(json.loads(document))
        except ValueError as error:
            raise HistoryError(f"result {number} of the history is damaged: {error}") from error

    def export(self, path: Path, format: Format, *, search: str | None = None) -> int:  # noqa: A002
        """Write all results, or those that match, to one file, the oldest first.

        Args:
            path: where to.
            format: ``PARQUET``, or ``JSON`` for one document per line.
            search: see :meth:`list`.

        Returns:
            How many.

        Raises:
            ValueError: a format that holds only one result.
            HistoryError: the database fails.
            MissingExtraError: Parquet needs the ``parquet`` extra.
            OSError: it cannot be written.
        """
        return gather(self._documents(search), path, format)

    def delete(self, number: int) -> None:
        """Forget one result, without a trace.

        Raises:
            HistoryError: there is none of that number, or the database fails.
        """
        with writing(self._engine) as connection:
            gone = connection.execute(delete(RESULTS).where(RESULTS.c.id == number)).rowcount
        if not gone:
            raise _missing(number)
        leave_no_trace(self._engine, everything=False)

    def delete_all(self) -> int:
        """Forget everything, without a trace.

        Returns:
            How many results there were.

        Raises:
            HistoryError: the database fails.
        """
        with writing(self._engine) as connection:
            gone = connection.execute(delete(RESULTS)).rowcount
        leave_no_trace(self._engine, everything=True)
        return gone

    def trend(self, days: int = 30, *, until: date | None = None) -> tuple[Day, ...]:
        """What was kept day by day, for charts; days without results are there too.

        Args:
            days: how many, at least 1.
            until: the last; today where None.

        Raises:
            HistoryError: the database fails.
        """
        last = until or date.today()
        dates = [last - timedelta(days=ago) for ago in reversed(range(max(days, 1)))]
        wanted = (
            select(RESULTS.c.day, func.count(), *_LABELS)
            .where(RESULTS.c.day.between(dates[0].isoformat(), last.isoformat()))
            .group_by(RESULTS.c.day, *_LABELS)
        )
        results = dict.fromkeys(dates, 0)
        counts: dict[date, dict[str, dict[str, int]]] = {
            day: {name: {} for name in MODALITIES} for day in dates
        }
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        for written, count, *labels in rows:
            day = date.fromisoformat(written)
            results[day] += count
            for name, label in zip(MODALITIES, labels, strict=True):
                if label is not None:
                    counts[day][name][label] = counts[day][name].get(label, 0) + count
        return tuple(Day(day, results[day], counts[day]) for day in dates)

    def close(self) -> None:
        """Let the database go."""
        with failing_clearly(self._engine):
            self._engine.dispose()

    def _documents(self, search: str | None) -> Iterator[_Documents]:
        """All documents that match, the oldest first, some at a time."""
        last = 0
        while True:
            wanted = _matching(select(RESULTS.c.id, RESULTS.c.document), search)
            wanted = wanted.where(RESULTS.c.id > last).order_by(RESULTS.c.id).limit(_AT_ONCE)
            with reading(self._engine) as connection:
                rows = connection.execute(wanted).all()
            if not rows:
                return
            last = rows[-1].id
            yield [row.document for row in rows]


def _labels(analysis: Analysis) -> dict[str, str | None]:
    """The most probable label of each modality on the whole, without its speaker."""
    faces = [face.scores for face in analysis.faces]
    summary = analysis.summary
    tops = {
        "face": mean_scores(faces, [1.0] * len(faces)).top if faces else None,
        **{name: summary[name].get("top") for name in MODALITIES[1:]},
    }
    return {name: top and plain_label(top) for name, top in tops.items()}


def _matching(wanted: _Selected, search: str | None) -> _Selected:
    for word in one_line(search or "").casefold().split():
        wanted = wanted.where(RESULTS.c.found_by.contains(word, autoescape=True))
    return wanted


def _entry(row: Any) -> Entry:
    number, at_ms, source, kind, duration_s, faces, *labels = row
    at = datetime.fromtimestamp(at_ms / 1000).astimezone()
    by_name = dict(zip(MODALITIES, labels, strict=True))
    return Entry(number, at, source, kind, duration_s, faces, by_name)


def _missing(number: int) -> HistoryError:
    return HistoryError(f"the history has no result {number}; see 'emoscope history list'")

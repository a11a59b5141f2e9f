"""What an audit returns: counts, figures and sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from emoscope.training.evaluate.figures import Figure

SCHEMA = "emoscope.audit/1"
Severity = Literal["severe", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One sentence about a corpus, with what to do.

    Attributes:
        severity: ``severe`` (figures are wrong unless something is done), ``warning`` (they
            flatter or mislead), ``note``.
        text: the sentence.
    """

    severity: Severity
    text: str


@dataclass(frozen=True)
class Tally:
    """How many items each label has in each part (split, speaker) of a corpus.

    Attributes:
        labels: the rows' names.
        parts: the columns' names.
        counts: ``labels`` × ``parts``.
    """

    labels: tuple[str, ...]
    parts: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def per_label(self) -> tuple[int, ...]:
        """Items of each label."""
        return tuple(sum(row) for row in self.counts)

    @property
    def per_part(self) -> tuple[int, ...]:
        """Items of each part."""
        return tuple(sum(column) for column in zip(*self.counts, strict=True))


@dataclass(frozen=True)
class Shared:
    """How many items of one part also stand in another.

    Attributes:
        part: whose items are counted.
        other: where they also stand.
        items: how many of them.
        of: items of ``part`` in all.
    """

    part: str
    other: str
    items: int
    of: int


@dataclass(frozen=True)
class Repeats:
    """Items that stand in a corpus more than once.

    Attributes:
        groups: names of the items of each group of two or more, in order of label; groups of
            differing labels first.
        items: items in all groups.
        differing: groups whose items have not all the same label.
        shared: across the corpus' own splits.
    """

    groups: tuple[tuple[str, ...], ...]
    items: int
    differing: int
    shared: tuple[Shared, ...]


@dataclass(frozen=True)
class Agreement:
    """FER+'s taggers beside the corpus' own labels.

    Attributes:
        tagged: pictures with votes.
        decided: those where one emotion has more votes than anything else.
        agreeing: of the decided, those whose label is that emotion.
        mean_share: mean share of all votes that the most voted emotion gets.
    """

    tagged: int
    decided: int
    agreeing: int
    mean_share: float


@dataclass(frozen=True)
class FileFormat:
    """How some recordings are stored, as their files say.

    Attributes:
        codec: libav's name.
        rate_hz: samples per second.
        channels: of the sound.
        items: recordings stored so.
    """

    codec: str
    rate_hz: int
    channels: int
    items: int


@dataclass(frozen=True)
class Seconds:
    """How long the recordings of a label are, in seconds: median, 10% and 90% quantile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Crossing:
    """What a random split into three quarters and one quarter puts on both sides.

    Attributes:
        items: recordings of the quarter.
        speakers: speakers on both sides.
        of_speakers: in all.
        sentences: sentences on both sides.
        of_sentences: in all; 0 where they are not known.
        same_sentence: of ``items``, those whose speaker says the same sentence on the other side.
        same_take: of those, the ones that also have the same label there.
        common_sentences: sentences that more than one speaker says, which a split by speaker puts
            on both sides too.
    """

    items: int
    speakers: int
    of_speakers: int
    sentences: int
    of_sentences: int
    same_sentence: int
    same_take: int
    common_sentences: int


@dataclass(frozen=True)
class Audit:
    """What was found in a corpus.

    Attributes:
        role: ``face`` or ``voice``.
        corpus: its name.
        folder: where it lies.
        items: pictures or recordings.
        by_split: counts per label and own split; one part, ``all``, where it has none.
        by_speaker: counts per label and speaker, None where speakers are not known.
        skipped: a line for each file that could not be read.
        same: items that are bit for bit one (pixels, samples).
        near: pictures that are nearly one, as they are or mirrored (the same ones included); None
            for voices.
        agreement: FER+'s votes; None where there are none.
        formats: of the recordings' files, most frequent first.
        tells: what the file format alone gives away, of labels and of speakers.
        seconds: length per label of whole recordings (``clip``) and from the first to the last
            speech (``speech``).
        lengths: what a classifier reaches that knows only the length.
        crossing: what a random split would put on both sides; None for faces.
        findings: worst first.
    """

    role: Literal["face", "voice"]
    corpus: str
    folder: Path
    items: int
    by_split: Tally
    by_speaker: Tally | None
    skipped: tuple[str, ...]
    same: Repeats
    near: Repeats | None = None
    agreement: Agreement | None = None
    formats: tuple[FileFormat, ...] = ()
    tells: tuple[Figure, ...] = ()
    seconds: dict[str, dict[str, Seconds]] | None = None
    lengths: tuple[Figure, ...] = ()
    crossing: Crossing | None = None
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        plain = asdict(self)
        plain["folder"] = str(self.folder)
        for key in ("tells", "lengths"):
            plain[key] = [{**f.to_dict(), "chance": chance(f)} for f in getattr(self, key)]
        return {"schema": SCHEMA, **plain}


def chance(figure: Figure) -> float:
    """UAR of guessing: one over the classes that occur."""
    return 1 / sum(n > 0 for n in figure.metrics.support)

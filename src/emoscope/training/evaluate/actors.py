"""Which speakers an evaluation reads."""

from __future__ import annotations

import re

from emoscope.errors import DatasetError, ModelError
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import Clip


def unseen_speakers(metadata: ModelMetadata, corpus: str) -> list[str] | None:
    """Speakers of a corpus that the model says it never heard; None where it does not say."""
    stated = metadata.metrics.get("unseen_speakers")
    found = stated.get(corpus) if isinstance(stated, dict) else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return None
    return found or None


def choose_speakers(
    clips: list[Clip], corpus: str, actors: str | None, unseen: list[str] | None
) -> tuple[set[str], list[str], list[str]]:
    """Speakers to read, notes and warnings."""
    known = {clip.speaker for clip in clips}
    if actors is None:
        if unseen is None:
            raise ModelError(
                f"the model does not say which speakers of {corpus} it never heard; "
                f"name some with --actors ({', '.join(sorted(known))}) or take --actors all"
            )
        if not known & set(unseen):
            raise DatasetError(
                f"the folder has none of the speakers that the model never heard "
                f"({', '.join(unseen)}), it has {', '.join(sorted(known))}"
            )
        return known & set(unseen), ["Speakers that the model says it never heard."], []
    speakers = known if actors == "all" else parse_actors(actors, known)
    warnings = []
    if unseen is None:
        warnings.append("The model does not say which speakers it was trained on.")
    elif speakers - set(unseen):
        names = ", ".join(sorted(speakers - set(unseen)))
        warnings.append(
            f"Speakers {names} are not among those that the model never heard: "
            "for new voices expect less."
        )
    return speakers, [], warnings


def parse_actors(text: str, known: set[str]) -> set[str]:
    """Speakers from ``"17,18"``, ``"17-20"`` or ``"OAF"``.

    Raises:
        DatasetError: the corpus has no such speaker.
    """
    found: set[str] = set()
    for item in filter(None, (part.strip() for part in text.split(","))):
        ends = re.fullmatch(r"(\d{1,3})-(\d{1,3})", item)
        wanted = (
            [f"{number:02d}" for number in range(int(ends[1]), int(ends[2]) + 1)]
            if ends
            else [item.zfill(2) if item.isdigit() else item.upper()]
        )
        missing = [name for name in wanted if name not in known]
        if missing or not wanted:
            raise DatasetError(
                f"no speaker '{', '.join(missing) or item}'; there are {', '.join(sorted(known))}"
            )
        found.update(wanted)
    if not found:
        raise DatasetError(f"no speaker named; there are {', '.join(sorted(known))}")
    return found

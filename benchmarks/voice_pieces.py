"""How well a voice model reads pieces of speech, as they are cut from what goes on.

    python benchmarks/voice_pieces.py --data RAVDESS [--model emoscope-voice]

Corpora hold one sentence a file; in use speech goes on, and pauses, spans and readings of at most
5 s cut it anywhere. Clips of RAVDESS actors that ``emoscope-voice`` never heard are cut by the
light gate, then read whole, in parts, joined to another of the same actor and label, and as five
seconds out of all that an actor says with one label. UAR in the classes that the model knows, with
its 95% bootstrap interval by item.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from unheard import ACTORS, unheard

from emoscope.media import SAMPLE_RATE
from emoscope.training.metrics import measure
from emoscope.voice.activity import load_gate
from emoscope.voice.recognise import VoiceRecogniser, reading_spans
from emoscope.voice.spans import Span

Floats = NDArray[np.float32]
Said = dict[tuple[str, str], list[Floats]]
PAUSE = np.zeros(int(0.3 * SAMPLE_RATE), np.float32)


def joined(parts: list[Floats]) -> Floats:
    spaced = [sound for part in parts for sound in (PAUSE, part)]
    return np.concatenate(spaced[1:])


def stretches(parts: list[Floats]) -> Iterator[Floats]:
    """What is said, cut as in use: into equal parts of at most 5 s, wherever that falls."""
    speech = joined(parts)
    for span in reading_spans(Span(0.0, len(speech) / SAMPLE_RATE)):
        yield speech[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)]


def pieces(said: Said) -> dict[str, list[tuple[str, Floats]]]:
    """Kinds of pieces, each with its label."""
    whole = [(label, clip) for (_, label), clips in said.items() for clip in clips]
    return {
        "whole sentences": whole,
        "the first half": [(label, clip[: len(clip) // 2]) for label, clip in whole],
        "the second half": [(label, clip[len(clip) // 2 :]) for label, clip in whole],
        "the middle half": [
            (label, clip[len(clip) // 4 : len(clip) * 3 // 4]) for label, clip in whole
        ],
        "two sentences": [
            (label, joined([clip, clips[index - 1]]))
            for (_, label), clips in said.items()
            for index, clip in enumerate(clips)
        ],
        "5 s of one sentence after another": [
            (label, piece) for (_, label), clips in said.items() for piece in stretches(clips)
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="emoscope-voice")
    asked = parser.parse_args()
    recogniser = VoiceRecogniser(asked.model, threads=1)
    gate = load_gate("light")
    said: Said = {}
    for clip in unheard(asked.data, gate):
        said.setdefault((clip.speaker, clip.label), []).append(clip.wave[clip.start : clip.end])
    names = recogniser.labels.names
    print(f"{recogniser.name}, RAVDESS actors {', '.join(ACTORS)}\n")
    print("| piece | n | mean length | UAR | ECE |")
    print("| --- | --- | --- | --- | --- |")
    for kind, found in pieces(said).items():
        probs = recogniser.read([wave for _, wave in found])[0]
        truth = np.array([names.index(label) for label, _ in found])
        m = measure(probs, truth, names)
        length_s = np.mean([len(wave) for _, wave in found]) / SAMPLE_RATE
        low, high = m.uar_interval
        print(
            f"| {kind} | {m.n:,} | {length_s:.1f} s | {m.uar:.1%} ({low:.1%} to {high:.1%}) "
            f"| {m.ece:.3f} |"
        )


if __name__ == "__main__":
    main()

"""Silero's speech activity network, from the file that the faster-whisper wheel carries.

faster-whisper itself is not imported (it would load its transcription engine); only its asset is
looked up. Source: Silero Team, *Silero VAD*, github.com/snakers4/silero-vad, MIT licence.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import MissingExtraError
from emoscope.models.session import open_graph
from emoscope.voice.block_gate import MOST_BLOCKS, BlockGate
from emoscope.voice.spans import SpanRule

STEP = 512
CONTEXT = 64

_STATE_SHAPE = (1, 1, 128)
_FILE = re.compile(r"silero_vad(?:_v(\d+))?\.onnx")


def silero_path() -> Path | None:
    """The newest streaming graph that faster-whisper brought along, or None."""
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or not spec.submodule_search_locations:
        return None
    found: list[tuple[int, Path]] = []
    for folder in spec.submodule_search_locations:
        for path in (Path(folder) / "assets").glob("silero_vad*.onnx"):
            match = _FILE.fullmatch(path.name)
            if match:
                found.append((int(match[1] or 0), path))
    return max(found)[1] if found else None


class SileroGate(BlockGate):
    """Speech activity by Silero's network, its state kept from block to block.

    Args:
        rule: thresholds and durations.

    Raises:
        MissingExtraError: faster-whisper, which carries the graph, is not installed.
    """

    def __init__(self, rule: SpanRule = SpanRule()) -> None:  # noqa: B008 - frozen
        super().__init__(rule, step=STEP, block=STEP)
        path = silero_path()
        if path is None:
            raise MissingExtraError("faster_whisper", "words")
        match = _FILE.fullmatch(path.name)
        self.name = f"silero@{match[1]}" if match and match[1] else "silero"
        self._graph = open_graph(path, threads=1)
        self._forget()

    def probabilities(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of speech for each 512 samples of a whole recording; then starts over.

        Args:
            waveform: ``(time,)`` at 16 kHz; a last part of a step is filled with zeros.
        """
        self.reset()
        steps = -(-waveform.size // STEP)
        padded = np.zeros(steps * STEP, dtype=np.float32)
        padded[: waveform.size] = waveform
        blocks = padded.reshape(steps, STEP)
        found = [
            self._probabilities(blocks[first : first + MOST_BLOCKS])
            for first in range(0, steps, MOST_BLOCKS)
        ]
        self.reset()
        return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)

    def _forget(self) -> None:
        self._hidden = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._cell = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._before = np.zeros(CONTEXT, dtype=np.float32)

    def _probabilities(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        windows = np.empty((len(blocks), CONTEXT + STEP), dtype=np.float32)
        windows[:, CONTEXT:] = blocks
        windows[1:, :CONTEXT] = blocks[:-1, -CONTEXT:]
        windows[0, :CONTEXT] = self._before
        self._before = blocks[-1, -CONTEXT:].copy()
        # The graph's first axis is time: it takes its own state from window to window.
        speech, self._hidden, self._cell = self._graph.run(
            None, {"input": windows, "h": self._hidden, "c": self._cell}
        )
        return np.asarray(speech, dtype=np.float32).reshape(len(blocks))

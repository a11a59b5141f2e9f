"""One stream's readings as live states: everything of the engine but its thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from emoscope.analyzer import Analyzer
from emoscope.live.level import STALE_S, loudness_dbfs
from emoscope.live.state import LiveFace, LiveState, LiveVoice
from emoscope.live.steady import SteadyFaces, SteadyTogether
from emoscope.media import Frame, Sound
from emoscope.results import Analysis, VoiceEmotion
from emoscope.stream import RECENT_S

VoiceMode = Literal["auto", "key"]

PASSING_EVERY_S = 1.0
"""Speech that goes on is read anew so often ..."""
PASSING_S = 3.0
"""... over its last seconds."""
AUDIBLE_DBFS = -60.0
"""A recording that stays below this is not read."""
# The gate says that somebody speaks only after so much speech.
_GATE_S = 0.25


class LiveReader:
    """Reads frames and sound and steadies what was read; the same input gives the same states.

    Args:
        analyzer: its models are used.
        detect_every: faces are searched in every so many frames.
        smooth_s: time constant of the smoothing in seconds; 0: none.
        keep_s: how many seconds of readings are kept for :meth:`close`.

    Attributes:
        voice_mode: ``auto`` reads whenever somebody speaks, ``key`` only what is recorded.
        translate: whether the side that is missing is translated.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, analyzer: Analyzer, *, detect_every: int, smooth_s: float, keep_s: float
    ) -> None:
        self.voice_mode: VoiceMode = "auto"
        self.translate = True
        self._stream = analyzer.stream(detect_every=detect_every, keep_s=keep_s)
        self._faces = SteadyFaces(smooth_s, detect_every)
        self._together = SteadyTogether(smooth_s)
        self._shown: tuple[LiveFace, ...] = ()
        self._frame: tuple[float, tuple[int, int]] | None = None
        self._sound_end_s: float | None = None
        self._speech_s: float | None = None  # since when somebody speaks
        self._passing_s = 0.0  # when speech that goes on was read last
        self._record: _Recording | None = None

    def hear(self, sounds: Sequence[Sound]) -> None:
        """Listen to the next stretches of sound.

        Raises:
            ModelError: a model cannot be had, or failed.
        """
        for sound in sounds:
            self._stream.push_sound(sound, read=self.voice_mode == "auto")
            self._sound_end_s = sound.end_s
            if self._record is not None:
                self._record.hear(sound)
        if sounds:
            self._read_passing(sounds[-1].end_s)
            self._read_recording()

    def see(self, frame: Frame) -> None:
        """Look at a frame; one that is older than the last is left out.

        Raises:
            ModelError: a model cannot be had, or failed.
        """
        if self._frame is not None and frame.time_s < self._frame[0]:
            return
        height, width = frame.image_rgb.shape[:2]
        self._stream.push_frame(frame)
        self._frame = (frame.time_s, (width, height))
        self._shown = self._faces.push(frame.time_s, self._stream.moment.faces)
        self._read_recording()

    def record(self, seconds: float) -> None:
        """Read the voice of the seconds that follow as one."""
        self._record = _Recording(seconds)

    def drop_recording(self) -> None:
        """Read nothing of what is being recorded."""
        self._record = None

    def state(self) -> LiveState:
        """What holds now, without what only the engine knows: level, rates and delays."""
        moment = self._stream.moment
        fused = moment.fused
        steady = self._together.fused(moment.time_s, fused)
        translated = self._together.translated(
            moment.time_s, moment.translated if self.translate else None
        )
        frame_s = 0.0 if self._frame is None else self._frame[0]
        held = self.voice_mode == "key" or not moment.speaking
        return LiveState(
            time_s=moment.time_s,
            frame_time_s=None if self._frame is None else self._frame[0],
            size_px=None if self._frame is None else self._frame[1],
            # A camera that went away shows nobody.
            faces=self._shown if moment.time_s - frame_s <= RECENT_S else (),
            voice=None if moment.voice is None else _shown_voice(moment.voice, held),
            speaking=moment.speaking,
            fused=replace(fused, scores=steady.scores) if fused and steady else None,
            fused_label=steady.label if steady else None,
            fused_confidence=steady.confidence if steady else None,
            translated=translated,
            recording=None if self._record is None else self._record.share,
        )

    def close(self) -> Analysis:
        """What was read in the last ``keep_s`` seconds."""
        return self._stream.close(source="live")

    def _read_passing(self, now_s: float) -> None:
        """Speech that goes on gets a reading before it ends."""
        if not self._stream.moment.speaking or self.voice_mode != "auto":
            self._speech_s = None
            return
        if self._speech_s is None:
            self._speech_s = max(now_s - _GATE_S, 0.0)
            self._passing_s = now_s - _GATE_S
        if now_s - self._passing_s >= PASSING_EVERY_S:
            self._passing_s = now_s
            start_s = max(self._speech_s, now_s - PASSING_S)
            self._stream.read_sound(start_s, now_s, passing=True)

    def _read_recording(self) -> None:
        recording = self._record
        if recording is None:
            return
        if self._sound_end_s is not None:
            recording.follow(self._sound_end_s)
        if self._frame is not None and not self._hears(self._frame[0]):
            # Without a microphone the ring goes round all the same, and nothing is read.
            recording.begin(self._frame[0])
            recording.follow(self._frame[0])
        if recording.end_s is not None and recording.share >= 1.0:
            if recording.audible:
                self._stream.read_sound(recording.end_s - recording.seconds, recording.end_s)
            self._record = None

    def _hears(self, now_s: float) -> bool:
        """Whether sound has come lately."""
        return self._sound_end_s is not None and now_s - self._sound_end_s <= STALE_S


class _Recording:
    """A stretch that is being recorded, from the first input after it was asked for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.share = 0.0
        self.audible = False
        self.end_s: float | None = None

    def begin(self, now_s: float) -> None:
        """It begins, unless it has begun."""
        if self.end_s is None:
            self.end_s = now_s + self.seconds

    def hear(self, sound: Sound) -> None:
        """Silence has no expression: it is noted whether there was anything to hear."""
        self.begin(sound.time_s)
        self.audible = self.audible or loudness_dbfs(sound.waveform) >= AUDIBLE_DBFS

    def follow(self, now_s: float) -> None:
        """How much of it is there."""
        if self.end_s is not None:
            self.share = min(max(1.0 - (self.end_s - now_s) / self.seconds, self.share), 1.0)


def _shown_voice(voice: VoiceEmotion, held: bool) -> LiveVoice:
    return LiveVoice(voice.scores, voice.scores.top, voice.start_s, voice.end_s, held)

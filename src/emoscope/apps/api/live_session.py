"""One live socket from greeting to goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from emoscope.analyzer import Analyzer
from emoscope.apps.api.live_messages import (
    Config,
    Jpeg,
    LiveLimits,
    LiveProtocolError,
    Record,
    hello,
    moment,
    parse_binary,
    parse_text,
)
from emoscope.errors import EmoscopeError, MediaError, MediaLimitError
from emoscope.live.engine import LiveEngine
from emoscope.live.state import LiveState
from emoscope.media import Frame, Limits, Sound
from emoscope.media.image import decode_image

# No two clocks agree, and a microphone that falls behind gives its sound in a rush afterwards.
_SOUND_PER_S = 1.25
_LOOK_S = 1.0  # how often the engine is asked whether it still runs


class LiveSession:
    """Talks with one client; see docs/live-protocol.md.

    Args:
        socket: not accepted yet.
        analyzer: its models are used.
        limits: what is taken.
        clock: seconds that only rise, for the rates.
    """

    def __init__(
        self,
        socket: WebSocket,
        analyzer: Analyzer,
        limits: LiveLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket, self._analyzer, self._limits = socket, analyzer, limits
        self._frames = Allowance(limits.frames_per_s, 2 * limits.frames_per_s, clock)
        self._sound_s = Allowance(_SOUND_PER_S, limits.ahead_s, clock)
        self._jpeg: Jpeg | None = None
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Accept, talk, and close; the errors of the protocol are the client's and end here."""
        try:
            await self._socket.accept()
            async with asyncio.timeout(self._limits.session_s):
                await self._talk()
        except LiveProtocolError as error:
            await self._say_goodbye(error)
        except TimeoutError:
            over = f"a session lasts {self._limits.session_s:g} s; connect again to go on"
            await self._say_goodbye(LiveProtocolError("session-over", over, 1000))
        except EmoscopeError as error:
            await self._say_goodbye(LiveProtocolError("model", str(error), 1011))
        except WebSocketDisconnect:
            pass

    async def refuse(self) -> None:
        """Accept, say that there are too many sessions, and close."""
        with contextlib.suppress(WebSocketDisconnect):
            await self._socket.accept()
            full = f"{self._limits.sockets} sessions are open; try again later"
            await self._say_goodbye(LiveProtocolError("full", full, 1013))

    async def _talk(self) -> None:
        models = await run_in_threadpool(_models, self._analyzer)
        await self._send(hello(models, self._limits))
        config = await self._next(self._limits.config_s)
        if not isinstance(config, Config):
            raise LiveProtocolError("bad-message", "the first message must be config")
        loop = asyncio.get_running_loop()

        def wake(state: LiveState) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._changed.set)

        engine = LiveEngine(
            self._analyzer,
            detect_every=config.detect_every or 1,
            smooth_s=0.5 if config.smooth_s is None else config.smooth_s,
            on_reading=wake,
        )
        try:
            _configure(engine, config)
            await _first_to_end(self._listen(engine), self._decode(engine), self._report(engine))
        finally:
            engine.stop()  # at once: whoever cancels this may not wait for what follows
            await asyncio.shield(run_in_threadpool(engine.close))

    async def _listen(self, engine: LiveEngine) -> None:
        while True:
            message = await self._next(self._limits.idle_s)
            if isinstance(message, Jpeg):
                self._frames.take(1.0, "frames")
                self._jpeg = message
                self._arrived.set()
            elif isinstance(message, Sound):
                self._sound_s.take(message.end_s - message.time_s, "seconds of sound")
                engine.push_sound(message)
            elif isinstance(message, Record):
                engine.record(message.seconds)
            else:
                if message.detect_every is not None or message.smooth_s is not None:
                    raise LiveProtocolError(
                        "bad-config", "detect_every and smooth_s belong into the first config"
                    )
                _configure(engine, message)

    async def _decode(self, engine: LiveEngine) -> None:
        """Only the newest of the frames that came meanwhile is decoded."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            jpeg, self._jpeg = self._jpeg, None
            if jpeg is not None:
                engine.push_frame(await run_in_threadpool(_decoded, jpeg, self._limits))

    async def _report(self, engine: LiveEngine) -> None:
        number = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._changed.wait()
            state = engine.state
            if self._changed.is_set():
                self._changed.clear()
                number += 1
                await self._send(moment(state, number))

    async def _next(self, patience_s: float) -> Config | Record | Jpeg | Sound:
        """The next message, parsed.

        Raises:
            LiveProtocolError: it is against the protocol, or none came.
            WebSocketDisconnect: the client left.
        """
        try:
            # Not wait_for: until Python 3.12 it may swallow that the task is to end.
            async with asyncio.timeout(patience_s):
                message: Any = await self._socket.receive()
        except TimeoutError:
            quiet = f"nothing came for {patience_s:g} s; send config to stay"
            raise LiveProtocolError("idle", quiet) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if message.get("text") is not None:
            return parse_text(message["text"], self._limits)
        return parse_binary(message.get("bytes") or b"", self._limits)

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._limits.send_s):
                await self._socket.send_text(text)
        except TimeoutError:
            raise LiveProtocolError("slow", "the client does not receive what it is sent") from None
        except RuntimeError:  # closed while something was under way
            raise WebSocketDisconnect(1006) from None

    async def _say_goodbye(self, error: LiveProtocolError) -> None:
        if self._socket.client_state is not WebSocketState.CONNECTED:
            return
        # Who does not listen gets no goodbye.
        with contextlib.suppress(
            WebSocketDisconnect, RuntimeError, TimeoutError, LiveProtocolError
        ):
            await self._send(error.to_json())
            async with asyncio.timeout(self._limits.send_s):
                await self._socket.close(error.status, error.code)


class Allowance:
    """So much a second, saved up to a bound.

    Args:
        per_s: what is granted each second.
        most: what may be saved; it is there at the beginning.
        clock: seconds that only rise.
    """

    def __init__(self, per_s: float, most: float, clock: Callable[[], float]) -> None:
        self._per_s, self._most, self._clock = per_s, most, clock
        self._left, self._at = most, clock()

    def take(self, amount: float, what: str) -> None:
        """Use some of it.

        Raises:
            LiveProtocolError: there is not so much left.
        """
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if amount > self._left:
            raise LiveProtocolError("rate", f"more than {self._per_s:g} {what} a second")
        self._left -= amount


async def _first_to_end(*parts: Any) -> None:
    """Run all until one ends, raise what ended it, and end the others."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _configure(engine: LiveEngine, config: Config) -> None:
    if config.voice is not None:
        engine.voice_mode = config.voice
    if config.translate is not None:
        engine.translate = config.translate
    if config.paused is not None and config.paused != engine.paused:
        engine.paused = config.paused


def _models(analyzer: Analyzer) -> dict[str, str]:
    return {
        "detector": analyzer.detector.name,
        "face": analyzer.face.name,
        "voice": analyzer.voice.name,
    }


def _decoded(jpeg: Jpeg, limits: LiveLimits) -> Frame:
    try:
        image = decode_image(jpeg.data, "frame", Limits(max_pixels=limits.frame_pixels))
    except MediaLimitError as error:
        raise LiveProtocolError("frame-too-large", error.problem, 1009) from None
    except MediaError as error:
        raise LiveProtocolError("bad-frame", error.problem, 1007) from None
    return Frame(jpeg.time_s, image)

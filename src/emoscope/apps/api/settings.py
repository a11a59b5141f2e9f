"""How a service runs: where it listens, who may use it, how much it takes on."""

from __future__ import annotations

import functools
import ipaddress
import os
from dataclasses import dataclass, field

from emoscope.face.detect import DetectorChoice
from emoscope.media import Limits
from emoscope.voice.activity import GateChoice

_MIB = 1024**2

UPLOAD_LIMITS = Limits(max_pixels=50_000_000, max_duration_s=2 * 3600, max_bytes=512 * _MIB)
"""What a service accepts by default."""


@functools.lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Everything that a service is told when it starts.

    Attributes:
        host: address to listen on.
        port: 0 takes any that is free.
        api_key: what clients must send; None: no key is asked for.
        open_to_all: listen on another address than loopback without a key.
        face_model, voice_model, words_model, detector, speech: as for
            :class:`emoscope.analyzer.Analyzer`; what a request gets that names none.
        transcribe: the Whisper that requests may ask for; None: words are not read.
        limits: of pixels, seconds and bytes of one upload.
        direct_s: a longer medium is not read while its client waits: it needs a job.
        decode_memory_bytes: what a decoding process may take beyond what it starts with.
        decode_timeout_s, job_timeout_s: how long decoding one medium may keep us waiting in all,
            of a direct request and of a job.
        workers: analyses at a time; each has its own decoding process.
        threads: of each network; None: the cores divided by the workers.
        waiting: analyses that may stand in line; further ones are refused.
        uploads: bodies that are received at a time; further ones are refused.
        upload_timeout_s: how long a body may take to arrive.
        jobs_kept: jobs that are remembered, running or done; further ones are refused.
        job_kept_s: how long the result of a job is kept.
        grace_s: how long what runs may take to finish when the service is stopped.

    Raises:
        ValueError: a number is out of range, or an address that others reach has no key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = field(default=None, repr=False)
    open_to_all: bool = False
    face_model: str = "emoscope-face"
    voice_model: str = "emoscope-voice"
    words_model: str = "emoscope-words"
    detector: DetectorChoice = "auto"
    speech: GateChoice = "auto"
    transcribe: str | None = None
    limits: Limits = UPLOAD_LIMITS
    direct_s: float = 600.0
    decode_memory_bytes: int = 2048 * _MIB
    decode_timeout_s: float = 120.0
    job_timeout_s: float = 3 * 3600.0
    workers: int = field(default_factory=usable_cores)
    threads: int | None = None
    waiting: int = 16
    uploads: int = 64
    upload_timeout_s: float = 300.0
    jobs_kept: int = 256
    job_kept_s: float = 3600.0
    grace_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("workers", "uploads", "jobs_kept", "decode_memory_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in (
            "direct_s",
            "decode_timeout_s",
            "job_timeout_s",
            "upload_timeout_s",
            "job_kept_s",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.waiting < 0 or self.grace_s < 0:
            raise ValueError(
                f"waiting and grace_s cannot be negative, got {self.waiting}, {self.grace_s}"
            )
        if not 0 <= self.port < 65536:
            raise ValueError(f"port must be within 0 and 65535, got {self.port}")
        if self.api_key is not None and len(self.api_key) < 16:
            raise ValueError("an API key needs at least 16 characters; make a longer one")
        if not (is_loopback(self.host) or self.api_key or self.open_to_all):
            raise ValueError(
                f"{self.host} can be reached by others; give an API key, "
                "or say openly that anybody may use it"
            )

    @property
    def model_threads(self) -> int:
        """Threads of each network."""
        return self.threads or max(1, usable_cores() // self.workers)

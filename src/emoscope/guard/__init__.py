"""Media of strangers: decoded in a process that may die, read with models that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.guard.analyzer import GuardedAnalyzer as GuardedAnalyzer
    from emoscope.guard.pool import DecodePool as DecodePool
    from emoscope.guard.pool import GuardedMedia as GuardedMedia

__all__ = ["DecodePool", "GuardedAnalyzer", "GuardedMedia"]


def __getattr__(name: str) -> Any:
    # The decoding process lives in this package too, and must not load what runs models.
    if name == "GuardedAnalyzer":
        from emoscope.guard.analyzer import GuardedAnalyzer

        return GuardedAnalyzer
    if name in ("DecodePool", "GuardedMedia"):
        from emoscope.guard import pool

        return getattr(pool, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

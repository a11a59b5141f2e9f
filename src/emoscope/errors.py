"""Everything that emoscope raises on purpose.

.. code-block:: text

    EmoscopeError
    ├── MissingExtraError          an optional dependency is not installed (also an ImportError)
    ├── MediaError                 something is wrong with an input; carries ``source``
    │   ├── MediaNotFoundError     no such file
    │   ├── UnsupportedMediaError  a directory, an address, a playlist, not a medium at all
    │   ├── CorruptMediaError      a medium that cannot be decoded: empty, truncated, mislabelled
    │   ├── MediaLimitError        more pixels, seconds or bytes than allowed
    │   └── SourceError            a camera or microphone that cannot be opened, or went away
    ├── ModelError                 something is wrong with a model
    │   ├── UnknownModelError      the catalog has no model of that name
    │   ├── ModelUnavailableError  known, but not on this machine and not to be had
    │   └── ModelIntegrityError    the file is not what the catalog says, or no emoscope model
    ├── DatasetError               a corpus is missing, empty or laid out differently
    ├── AnalysisCancelledError     whoever asked for an analysis wants it no more
    ├── BatchError                 a batch cannot begin, go on, or write what it found
    └── HistoryError               kept results cannot be reached, read or written

Each message says what was wrong and what to do about it, in one line that can be shown to a user
as it is.
"""

from __future__ import annotations


class EmoscopeError(Exception):
    """Base of all errors that emoscope raises on purpose."""


class MissingExtraError(EmoscopeError, ImportError):
    """An optional dependency is missing; the message holds the command that installs it."""

    def __init__(self, module: str, extra: str) -> None:
        self.module = module
        self.extra = extra
        super().__init__(
            f"{module} is not installed; install it with: pip install 'emoscope[{extra}]'"
        )


class MediaError(EmoscopeError):
    """An input cannot be read.

    Attributes:
        source: the input as the user named it.
        problem: what is wrong with it and what to do, without the name.
    """

    def __init__(self, source: str, problem: str) -> None:
        self.source = source
        self.problem = problem
        super().__init__(f"{source}: {problem}")


class MediaNotFoundError(MediaError):
    """There is no such file."""


class UnsupportedMediaError(MediaError):
    """Not a picture, recording or video that emoscope opens (a directory, an address, a list)."""


class CorruptMediaError(MediaError):
    """The file should be a medium but cannot be decoded (empty, truncated, mislabelled)."""


class MediaLimitError(MediaError):
    """The medium has more pixels, seconds or bytes than the limits allow.

    Attributes:
        limit: how many are allowed; None where that is no number of the medium's.
    """

    def __init__(self, source: str, problem: str, limit: float | None = None) -> None:
        self.limit = limit
        super().__init__(source, problem)


class SourceError(MediaError):
    """A camera or microphone that cannot be opened, or gives nothing any more."""


class ModelError(EmoscopeError):
    """A model cannot be used."""


class UnknownModelError(ModelError):
    """The catalog has no model of that name."""


class ModelUnavailableError(ModelError):
    """The model is known, but it is not on this machine and cannot be had now."""


class ModelIntegrityError(ModelError):
    """The file's digest, metadata or graph is not what it must be."""


class DatasetError(EmoscopeError):
    """A corpus is missing, empty or laid out differently from what its loader expects."""


class AnalysisCancelledError(EmoscopeError):
    """Whoever asked for an analysis wants it no more; what was read so far is dropped."""


class BatchError(EmoscopeError):
    """A run over many files cannot begin, go on, or write what it found."""


class HistoryError(EmoscopeError):
    """The history cannot be reached, read or written, or does not hold what was asked for."""

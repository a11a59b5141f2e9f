"""Text that every format can carry: a name or words may hold anything that a file system allows."""

from __future__ import annotations

import re

UNSURE_WORD = "unsure"
"""What stands for a label where a reading abstains."""

# What XML 1.0 cannot hold, with the characters that are no text at all: lone surrogates, controls.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """The text in one line; each stretch of white space is a space, what is no text is U+FFFD."""
    return _NO_TEXT.sub("\ufffd", " ".join(text.split()))


def escaped(text: str) -> str:
    r"""The text as UTF-8 can hold it; a lone surrogate becomes ``\udc80`` or the like."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

"""From text to the numbers that the word model reads: one tokenisation for training and for use.

A text becomes a sequence of tokens (words, emoticons, emoji, runs of ``!`` and ``?``) and from it
a row of hashed numbers in ranges that the model tells apart: first the tokens in their order, then
each distinct word, pair of neighbours, negated word and mark of manner, then the pieces of words
(character n-grams, as Bojanowski et al., 2017). The hash is CRC-32: no vocabulary travels beside
the model. Whatever the text, :data:`MAX_CHARS` and :data:`MAX_TOKENS` bound the work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

MAX_CHARS = 4096  # read from the start of a text
MAX_TOKENS = 96  # more than any comment of GoEmotions has
MAX_WORD = 24  # characters kept of one word
REACH = 4  # tokens that a negation reaches, unless a mark or a conjunction ends it sooner

# Ranges of numbers; 0 is padding. A word that a negation reaches stands WORDS higher.
WORDS = 1 << 17
BAG_START, BAG = 2 * WORDS, 1 << 20
PIECE_START, PIECES = BAG_START + BAG, 1 << 18
END = PIECE_START + PIECES

FOREIGN = "<foreign>"  # a word in other letters than Latin: the model is English
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "hardly"}
    | {"barely", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "werent"}
    | {"wont", "wouldnt", "couldnt", "shouldnt", "havent", "hasnt", "hadnt", "aint"}
)
_ENDS_REACH = frozenset(
    {"but", "though", "although", "however", "because", ",", ".", ";", ":"}
    | {"!", "!!", "!!!", "?", "??", "???", "?!"}
)
# What people mean by an emoji, in groups, so that a rare one is understood with its likes.
EMOJI = {
    "angry": "😠😡🤬👿😤💢🖕",
    "disgust": "🤮🤢🤧😖💩",
    "fear": "😨😱😰😧😦🫣🫨",
    "happy": "😀😃😄😁😆😅🤣😂🙂😊😇🥰😍🤩😘😗😚😙😋😛😜🤪😝🤗🤭😎🤠🥳😺😸😹😻❤🧡💛💚💙💜🤍💕💞💓"
    "💗💖💘💝♥☺😌👍👏🙌🎉🎊✨💪🙏💯😉🫶👌🤘🏆",
    "sad": "😢😭😞😔😟🙁☹😥😓😩😫🥺😿💔😪🥲",
    "surprise": "😮😯😲😳🤯🙀🫢",
    "doubt": "😐😑😶🤔🙄🤷🙃🤨🧐😏😬",
}
_EMOJI_GROUP = {sign: f"<{group} emoji>" for group, signs in EMOJI.items() for sign in signs}
_EMOTICONS = {  # tried in this order, on lower-case text
    "angry": r">[:;=]-?[(\[{/]",
    "happy": r"[:;=][-^o']?[)\]dp3}]{1,9}|[(\[{]{1,2}[-^o']?[:;=]|\^[_.]?\^|<3|\\o/|\bxd{1,9}\b",
    "doubt": r"[:=]-?[/\\|](?!/)|-[_.]{1,3}-|\\_\(ツ\)_/",
    "sad": r"[:;=]['-]?'?[(\[{]{1,9}|[)\]]{1,2}['-]?[:=](?!\w)|\bd:(?!\w)|</3|\bt[_.]t\b|;[_.];",
    "surprise": r"[:=]-?[o0](?!\w)|\bo[_.]o\b",
}
_TOKEN = re.compile(
    r"(?P<mask>\[[a-z]{1,10}\])|(?P<link>https?://\S+|www\.\S+)|(?P<user>/?\b[ur]/\w+)|"
    + "|".join(f"(?P<{group}>{shape})" for group, shape in _EMOTICONS.items())
    + r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|(?P<number>\d[\d.,:]*)|(?P<marks>[!?]+)"
    r"|(?P<dots>\.{2,})|(?P<other>[^\s\w])"
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'"})
_LONG = re.compile(r"([^\W\d_])\1{2,}")
_SKIN = range(0x1F3FB, 0x1F400)
_BRAILLE = range(0x2800, 0x2900)  # pictures are drawn with it


def clean(text: str) -> str:
    """The first :data:`MAX_CHARS` of ``text``, normalised (NFKC) and without invisible signs."""
    # Full-width and "mathematical" letters become plain ones; some signs expand, hence two cuts.
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARS]).translate(_QUOTES)[:MAX_CHARS]
    kept = []
    for sign in plain:
        kind = unicodedata.category(sign)
        if kind == "Cc":
            kept.append(" ")
        elif kind[0] not in "CM" and sign not in "♀♂" and ord(sign) not in _SKIN:
            kept.append(sign)  # gone: joiners, direction marks, surrogates, accents left over
    return "".join(kept)


def tokens(text: str) -> list[str]:
    """The tokens of a text that :func:`clean` gave, lower-case, at most :data:`MAX_TOKENS`.

    Runs of three or more equal letters shrink to two; links, names and numbers each become one
    common token; a word in other letters than Latin becomes :data:`FOREIGN`; an emoji of
    :data:`EMOJI` is followed by the name of its group.
    """
    found: list[str] = []
    for match in _TOKEN.finditer(text.lower()):
        kind, value = str(match.lastgroup), match.group()
        if kind == "word":
            found.append(_LONG.sub(r"\1\1", value)[:MAX_WORD] if value[0] < "ɐ" else FOREIGN)
        elif kind in _EMOTICONS:
            found.append(f"<{kind} emoticon>")
        elif kind == "marks":
            found.append("?!" if len(set(value)) > 1 else value[:3])
        elif value in _EMOJI_GROUP:
            if found[-2:-1] != [value]:  # a row of the same emoji counts once
                found += (value, _EMOJI_GROUP[value])
        elif kind in ("mask", "other"):
            if ord(value[0]) not in _BRAILLE:
                found.append(value)
        else:
            found.append(f"<{kind}>")
        if len(found) >= MAX_TOKENS:
            break
    return found[:MAX_TOKENS]


def negated(sequence: Sequence[str]) -> list[bool]:
    """Which tokens a negation before them reaches."""
    marks, left = [], 0
    for token in sequence:
        marks.append(left > 0 and token not in _ENDS_REACH)
        if token in _NEGATIONS or token.endswith("n't"):
            left = REACH
        else:
            left = 0 if token in _ENDS_REACH else max(left - 1, 0)
    return marks


def _manner(text: str, sequence: Sequence[str]) -> Iterator[str]:
    """How a text is written: shouted, drawn out, how long."""
    words = re.findall(r"[^\W\d_]{2,}", text.replace("[NAME]", ""))
    shouted = sum(word.isupper() for word in words)
    if shouted:
        yield "<shouted>" if shouted * 2 > len(words) else f"<shouted {min(shouted, 3)}>"
    if _LONG.search(text):
        yield "<drawn out>"
    yield f"<length {min(len(sequence) // 5, 6)}>"


def _pieces(word: str) -> Iterator[str]:
    padded = f"<{word}>"
    for size in (3, 4, 5):
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]


def features(text: str) -> tuple[list[str], list[bool], list[str], list[str]]:
    """What the numbers of a text stand for.

    Returns:
        The tokens in their order; which of them are negated; the distinct words (denied
        ones marked), pairs and marks of manner; the distinct pieces of words that are not denied.
    """
    plain = clean(text)
    sequence = tokens(plain)
    reached = negated(sequence)
    marked = list(zip(sequence, reached, strict=True))
    # A denied word stands only as denied: else "not sad" would be as sad as "sad".
    bag = [f"not~{token}" if mark else token for token, mark in marked]
    bag += [f"{a} {b}" for a, b in pairwise(["<s>", *sequence, "</s>"])]
    bag += _manner(plain, sequence)
    pieces = [
        part
        for word, mark in marked
        if len(word) > 2 and word.isalpha() and not mark
        for part in _pieces(word)
    ]
    return sequence, reached, list(dict.fromkeys(bag)), list(dict.fromkeys(pieces))


def _hash(name: str, rows: int) -> int:
    return crc32(name.encode("utf-8", "replace")) % rows


def encode(text: str) -> NDArray[np.int64]:
    """The numbers of one text, tokens first; an empty text has those of its manner only."""
    sequence, reached, bag, pieces = features(text)
    numbers = [
        1 + _hash(token, WORDS - 1) + WORDS * mark
        for token, mark in zip(sequence, reached, strict=True)
    ]
    numbers += [BAG_START + _hash(name, BAG) for name in bag]
    numbers += [PIECE_START + _hash(name, PIECES) for name in pieces]
    return np.array(numbers, dtype=np.int64)


def batch(texts: Sequence[str]) -> NDArray[np.int64]:
    """The numbers of several texts, ``(n, longest)``, padded with 0 at the end."""
    rows = [encode(text) for text in texts]
    ids = np.zeros((len(rows), max((len(row) for row in rows), default=1)), dtype=np.int64)
    for into, row in zip(ids, rows, strict=True):
        into[: len(row)] = row
    return ids

"""Made-up sentences for what GoEmotions seldom shows: negation, emoji, and nothing to read.

The lists are written by hand. Each sentence comes with how much of each emotion it shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from emoscope.words import tokenise

Drill = tuple[str, dict[str, float]]

_STATES = {
    "angry": "angry furious mad annoyed irritated enraged outraged livid frustrated fuming bitter "
    "resentful infuriated",
    "disgust": "disgusted revolted sickened nauseated repulsed appalled grossed-out queasy",
    "fear": "scared afraid terrified frightened anxious worried nervous panicked horrified "
    "petrified uneasy fearful",
    "happy": "happy glad delighted thrilled excited proud grateful joyful cheerful overjoyed "
    "relieved pleased ecstatic hopeful thankful amused blessed content",
    "sad": "sad unhappy depressed miserable heartbroken lonely devastated disappointed gloomy "
    "hopeless hurt sorrowful grieving",
    "surprise": "surprised shocked astonished stunned startled amazed bewildered speechless "
    "confused puzzled",
}
_THINGS = {
    "angry": "infuriating annoying outrageous maddening irritating",
    "disgust": "disgusting gross revolting nasty vile repulsive sickening foul nauseating yucky",
    "fear": "scary terrifying frightening creepy horrifying alarming",
    "happy": "wonderful amazing great fantastic awesome lovely beautiful brilliant delightful fun "
    "good nice hilarious",
    "sad": "sad heartbreaking tragic depressing disappointing",
    "surprise": "surprising shocking unexpected unbelievable astonishing confusing",
}
_STATE_FRAMES = (
    "I am {}", "I'm {}", "I'm so {}!", "I feel {}", "we were really {} about it", "she is {}",
    "he was very {} yesterday", "they are {} now", "[NAME] felt {}", "I have never been so {}",
    "this makes me {}",
)  # fmt: skip
_STATE_DENIALS = (
    "I am not {}", "I'm not {}", "I'm not {} at all", "I don't feel {}", "he isn't {} about it",
    "she was never {}", "we are not really {}", "nobody is {} here", "I am no longer {}",
    "they weren't {}", "I was not very {} with it", "I can't say I am {}",
)  # fmt: skip
_THING_FRAMES = ("that is {}", "this was so {}", "what a {} day", "how {}!", "it looks {}")
_THING_DENIALS = (
    "that is not {}", "this wasn't {}", "it isn't {} at all", "not {}", "it's not very {}",
    "there is nothing {} about it", "not even {}",
)  # fmt: skip
# What a denied emotion leaves: rarely its opposite, mostly little.
_DENIED = {
    "angry": {"neutral": 0.75, "happy": 0.2},
    "disgust": {"neutral": 0.75, "happy": 0.2},
    "fear": {"neutral": 0.65, "happy": 0.3},
    "happy": {"sad": 0.55, "angry": 0.25, "neutral": 0.3},
    "sad": {"neutral": 0.65, "happy": 0.3},
    "surprise": {"neutral": 0.9},
}
_NOT_GOOD = {"sad": 0.4, "angry": 0.4, "neutral": 0.3}
_NOT_BAD = {"happy": 0.75, "neutral": 0.3}
_BAD = "bad terrible awful horrible wrong ugly boring".split()  # noqa: SIM905
_BAD_DENIALS = (
    "not {}", "not {} at all", "not too {}", "that's not {}", "not half {}", "it wasn't {} at all",
    "this isn't {}", "not so {} after all",
)  # fmt: skip
_EMOJI_FRAMES = (
    "{}",
    "{0}{0}{0}",
    "ok {}",
    "{} lol",
    "well {}",
    "[NAME] {}",
    "that day {}",
    "me: {}",
)


def _denials() -> Iterator[Drill]:
    for emotion, words in _STATES.items():
        for word in words.split():
            yield from ((frame.format(word), {emotion: 1.0}) for frame in _STATE_FRAMES)
            yield from ((frame.format(word), _DENIED[emotion]) for frame in _STATE_DENIALS)
    for emotion, words in _THINGS.items():
        for word in words.split():
            left = _NOT_GOOD if emotion == "happy" else _DENIED[emotion]
            yield from ((frame.format(word), {emotion: 1.0}) for frame in _THING_FRAMES)
            yield from ((frame.format(word), left) for frame in _THING_DENIALS)
    for word in _BAD:
        yield from ((frame.format(word), _NOT_BAD) for frame in _BAD_DENIALS)


def _emoji(chance: random.Random, neutral: list[str]) -> Iterator[Drill]:
    for emotion, signs in tokenise.EMOJI.items():
        if emotion == "doubt":
            continue
        for sign in signs:
            yield from ((frame.format(sign), {emotion: 1.0}) for frame in _EMOJI_FRAMES)
        for _ in range(60):
            text = f"{chance.choice(neutral)} {chance.choice(signs)}"
            yield text, {emotion: 0.8, "neutral": 0.3}


def _nothing(chance: random.Random) -> Iterator[Drill]:
    calm = {"neutral": 1.0}
    for _ in range(150):
        yield "", calm
        yield " ".join(["ж"] * chance.randint(1, 15)), calm
        letters = "abcdefghijklmnopqrstuvwxyzäöüéñç"
        words = ("".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(8))
        yield " ".join(list(words)[: chance.randint(1, 8)]), calm
        yield chance.choice('.-,/"*#') * chance.randint(1, 4), calm
        yield str(chance.randint(0, 99999)), calm


def drills(chance: random.Random, neutral: list[str]) -> list[Drill]:
    """All of them; ``neutral`` are neutral comments that emoji are put behind."""
    return [*_denials(), *_emoji(chance, neutral), *_nothing(chance)]

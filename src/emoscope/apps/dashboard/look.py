"""How the dashboard looks: theme, style sheet, and one colour, symbol and ink for each emotion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType

from emoscope.export.annotate import UNSURE_WORD
from emoscope.export.palette import UNSURE, ink_on, rgb
from emoscope.labels import COLOURS, plain_label

ASSETS = Path(__file__).with_name("assets")

THEME: Mapping[str, object] = MappingProxyType(
    {
        "theme.baseRadius": "0.75rem",
        "theme.buttonRadius": "0.6rem",
        "theme.showWidgetBorder": True,
        "theme.headingFontSizes": "2.25rem,1.6rem,1.25rem,1.1rem,1rem,1rem",
        "theme.paddingTop": "1.5rem",
        "theme.light.primaryColor": "#3450B2",
        "theme.light.backgroundColor": "#FFFFFF",
        "theme.light.secondaryBackgroundColor": "#F3F5F8",
        "theme.light.textColor": "#1A2027",
        "theme.light.borderColor": "#DDE2E8",
        "theme.light.linkColor": "#3450B2",
        "theme.dark.primaryColor": "#8DA4FF",
        "theme.dark.backgroundColor": "#11151A",
        "theme.dark.secondaryBackgroundColor": "#1A2027",
        "theme.dark.textColor": "#E9EDF1",
        "theme.dark.borderColor": "#303841",
        "theme.dark.linkColor": "#A9BAFF",
    }
)

# A shape beside each colour, so that neither is needed to tell two emotions apart.
SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "▲",
        "disgust": "◆",
        "fear": "▼",
        "happy": "●",
        "sad": "■",
        "surprise": "★",
        "neutral": "○",
        "calm": "◐",
        "boredom": "▬",
        "contempt": "◣",
        UNSURE_WORD: "?",
    }
)
UNSURE_COLOUR = "#{:02X}{:02X}{:02X}".format(*UNSURE)


def colour(label: str | None) -> str:
    """The colour of a label as ``#RRGGBB``; grey where the reading abstains."""
    return COLOURS.get(plain_label(label), UNSURE_COLOUR) if label else UNSURE_COLOUR


def ink(label: str | None) -> str:
    """The colour of text that is readable on :func:`colour`."""
    return "#{:02X}{:02X}{:02X}".format(*ink_on(rgb(colour(label))))


def symbol(label: str | None) -> str:
    """The shape of a label."""
    return SYMBOLS.get(plain_label(label) if label else UNSURE_WORD, "•")


def chip(label: str | None, share: float | None = None) -> str:
    """A filled label as HTML, for example a yellow ``● happy 93%``."""
    word = escape(label or UNSURE_WORD)
    percent = f"<span>{share:.0%}</span>" if share is not None and label else ""
    return (
        f'<span class="emo-chip" style="background:{colour(label)};color:{ink(label)}">'
        f'<i aria-hidden="true">{symbol(label)}</i><b>{word}</b>{percent}</span>'
    )


def plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|~<>$:-])", r"\\\1", text)


def style_sheet() -> str:
    """The dashboard's own rules, as a ``<style>`` element."""
    return f"<style>{(ASSETS / 'dashboard.css').read_text(encoding='utf-8')}</style>"

"""Tiers as an annotation document for ELAN (www.mpi.nl/tools/elan/EAFv3.0.xsd)."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from emoscope.export.tiers import Tier, tiers_of
from emoscope.results import Analysis

_TYPE = "emotion"
# ELAN's own names where the usual ones differ.
_ELAN_TYPES = {"audio/wav": "audio/x-wav", "audio/vnd.wave": "audio/x-wav"}


def eaf_text(analysis: Analysis) -> str:
    """The tiers of :mod:`emoscope.export.tiers` as time-aligned tiers beside their medium."""
    tiers = tiers_of(analysis)
    root = Xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "emoscope",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = Xml.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    Xml.SubElement(header, "MEDIA_DESCRIPTOR", _medium(analysis.source))
    _add_tiers(root, tiers)
    Xml.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true"},
    )
    Xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _medium(source: str) -> dict[str, str]:
    """Where ELAN finds the medium: its address, or a name to look for beside the document."""
    path = Path(source)
    try:
        found = path.is_file()
    except (OSError, ValueError):  # what no file can be called
        found = False
    address = path.absolute().as_uri() if found else f"./{quote(path.name, errors='replace')}"
    kind = mimetypes.guess_type(address)[0] or "unknown"
    return {
        "MEDIA_URL": address,
        "MIME_TYPE": _ELAN_TYPES.get(kind, kind),
    }


def _add_tiers(root: Xml.Element, tiers: tuple[Tier, ...]) -> None:
    """The moments in order of time, then the tiers, whose annotations point at them.

    No two annotations share a moment: who moves one in ELAN moves no other with it.
    """
    order = Xml.SubElement(root, "TIME_ORDER")
    ends: list[tuple[int, Xml.Element, str]] = []
    for tier in tiers:
        described = {"LINGUISTIC_TYPE_REF": _TYPE, "TIER_ID": tier.name, "ANNOTATOR": "emoscope"}
        element = Xml.SubElement(root, "TIER", described)
        for stretch in tier.stretches:
            annotation = Xml.SubElement(element, "ANNOTATION")
            name = {"ANNOTATION_ID": f"a{len(ends) // 2 + 1}"}
            aligned = Xml.SubElement(annotation, "ALIGNABLE_ANNOTATION", name)
            Xml.SubElement(aligned, "ANNOTATION_VALUE").text = stretch.label
            ends.append((stretch.start_ms, aligned, "TIME_SLOT_REF1"))
            ends.append((stretch.end_ms, aligned, "TIME_SLOT_REF2"))
    for number, (ms, aligned, role) in enumerate(sorted(ends, key=lambda end: end[0]), 1):
        slot = {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(ms)}
        Xml.SubElement(order, "TIME_SLOT", slot)
        aligned.set(role, slot["TIME_SLOT_ID"])

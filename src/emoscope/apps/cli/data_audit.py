"""An audit as people read it: counts, figures, findings."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.render import GREY, bar
from emoscope.labels import COLOURS, plain_label
from emoscope.training.datasets.audit.result import Audit, Repeats, Seconds, chance

_SKIPPED_SHOWN = 5
_MARKS = {"severe": "bold red", "warning": "yellow", "note": GREY}
_TITLES = {
    "clip_speakers": "the length of the clip, speakers left out",
    "clip_random": "the length of the clip, clips left out at random",
    "speech_speakers": "the length of the speech, speakers left out",
    "speech_random": "the length of the speech, clips left out at random",
    "format_label": "the file format",
    "format_speaker": "the file format, to tell the speaker",
}


def render(audit: Audit) -> RenderableType:
    """One corpus: a heading, tables, and findings in sentences."""
    parts: list[RenderableType] = [_heading(audit), _indent(_labels(audit))]
    if audit.near is not None:
        parts.append(_indent(_repeats(audit.same, audit.near)))
    if audit.formats:
        parts.append(_indent(_formats(audit)))
    if audit.lengths or audit.tells:
        parts.append(_indent(_controls(audit)))
    if audit.crossing is not None and audit.crossing.items:
        parts.append(_indent(_crossing(audit)))
    if audit.skipped:
        parts.append(_indent(_skipped(audit)))
    return Group(*parts, _indent(_findings(audit)))


def _heading(audit: Audit) -> Text:
    facts = [f"{audit.items:,} {'pictures' if audit.role == 'face' else 'recordings'}"]
    if audit.by_speaker is not None:
        each = sorted(n for n, name in _parts(audit) if name)
        span = f"{each[0]:,}" if each[0] == each[-1] else f"{each[0]:,} to {each[-1]:,}"
        whom = "people" if audit.role == "face" else "speakers"
        facts.append(f"1 {whom[:-1]}" if len(each) == 1 else f"{len(each)} {whom} with {span} each")
    if audit.crossing is not None and audit.crossing.of_sentences:
        facts.append(f"{audit.crossing.of_sentences:,} sentences")
    return Text.assemble(
        (audit.corpus, "bold"), (f"  {', '.join(facts)}", ""), (f"\n{audit.folder}", GREY)
    )


def _parts(audit: Audit) -> list[tuple[int, str]]:
    assert audit.by_speaker is not None
    return list(zip(audit.by_speaker.per_part, audit.by_speaker.parts, strict=True))


def _labels(audit: Audit) -> Table:
    """A row for each label; for faces a column for each split, for voices the lengths."""
    seconds = audit.seconds or {}
    splits = audit.by_split.parts if len(audit.by_split.parts) > 1 else ()
    spoken = audit.role == "voice" and audit.by_speaker is not None
    heads = ["label", "n", "", ""]
    heads += [*splits, *(["speakers"] if spoken else [])]
    heads += [f"{name}, s" for name in seconds]
    table = _table(*heads)
    most = max(audit.by_split.per_label)
    for index, label in enumerate(audit.by_split.labels):
        n = audit.by_split.per_label[index]
        colour = COLOURS[plain_label(label)]
        cells: list[str | Text] = [f"{n:,}", f"{n / audit.items:.1%}", bar(n / most, colour)]
        cells += [f"{count:,}" for count in audit.by_split.counts[index]] if splits else []
        if spoken and audit.by_speaker is not None:
            cells.append(str(sum(count > 0 for count in audit.by_speaker.counts[index])))
        cells += [_span(found.get(label)) for found in seconds.values()]
        table.add_row(label, *cells)
    return table


def _span(seconds: Seconds | None) -> Text:
    if seconds is None:
        return Text("none", style=GREY)
    return Text.assemble(
        f"{seconds.median:.2f}", (f" ({seconds.low:.2f} to {seconds.high:.2f})", GREY)
    )


def _repeats(same: Repeats, near: Repeats) -> Table:
    heads = [f"{shared.part} in {shared.other}" for shared in near.shared]
    table = _table("equal pictures", "groups", "pictures", "labels differ", *heads)
    for name, found in (("in every pixel", same), ("nearly, or mirrored", near)):
        crossing = [
            f"{shared.items:,} of {shared.of:,} ({shared.items / shared.of:.1%})"
            for shared in found.shared
        ]
        counts = (len(found.groups), found.items, found.differing)
        table.add_row(name, *(f"{count:,}" for count in counts), *crossing)
    return table


def _formats(audit: Audit) -> Table:
    table = _table("files", "rate, Hz", "channels", "n")
    for item in audit.formats:
        table.add_row(item.codec, f"{item.rate_hz:,}", str(item.channels), f"{item.items:,}")
    return table


def _controls(audit: Audit) -> Table:
    table = _table("knowing only", "UAR", "", "chance")
    for figure in (*audit.lengths, *audit.tells):
        m, guess = figure.metrics, chance(figure)
        tells = m.uar_interval[0] > guess
        span = f"{m.uar_interval[0] * 100:.1f} to {m.uar_interval[1] * 100:.1f}"
        table.add_row(
            _TITLES[figure.name],
            Text(f"{m.uar:.1%}", style="bold yellow" if tells else ""),
            Text(span, style=GREY),
            f"{guess:.1%}",
        )
    return table


def _crossing(audit: Audit) -> Table:
    found = audit.crossing
    assert found is not None
    table = _table(f"random split, {found.items:,} left out", "on both sides", "of")
    rows = [("speakers", found.speakers, found.of_speakers)]
    if found.of_sentences:
        rows += [
            ("sentences", found.sentences, found.of_sentences),
            ("clips: speaker and sentence", found.same_sentence, found.items),
            ("clips: speaker, sentence and label", found.same_take, found.items),
        ]
    for name, n, of in rows:
        table.add_row(name, f"{n:,}", f"{of:,}")
    return table


def _skipped(audit: Audit) -> Text:
    shown = audit.skipped[:_SKIPPED_SHOWN]
    rest = len(audit.skipped) - len(shown)
    lines = [f"cannot be read: {len(audit.skipped):,}", *(f"  {line}" for line in shown)]
    return Text("\n".join([*lines, *([f"  and {rest:,} more"] if rest else [])]), style=GREY)


def _findings(audit: Audit) -> RenderableType:
    if not audit.findings:
        return Text("Nothing found that a figure would hide.", style="green")
    table = Table(box=None, pad_edge=False, header_style=GREY)
    table.add_column("findings", no_wrap=True)
    table.add_column("", overflow="fold")
    for finding in audit.findings:
        table.add_row(Text(finding.severity, style=_MARKS[finding.severity]), Text(finding.text))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style=GREY)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _indent(part: RenderableType) -> RenderableType:
    return Padding(part, (1, 0, 0, 2))

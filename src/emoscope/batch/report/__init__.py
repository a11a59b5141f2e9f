"""What a table of results says as a whole: counted in one pass, shown on one page."""

from __future__ import annotations

from emoscope.batch.report.findings import Findings, count
from emoscope.batch.report.page import write_page

__all__ = ["Findings", "count", "write_page"]

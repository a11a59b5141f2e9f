"""What was read before, kept where the user asks for it: results only, never media.

SQLite in the user's data folder, or the database that ``EMOSCOPE_HISTORY`` names.
"""

from __future__ import annotations

from emoscope._optional import require

require("sqlalchemy", extra="history")

from emoscope.history.entry import Day, Entry  # noqa: E402
from emoscope.history.history import History  # noqa: E402
from emoscope.history.place import VARIABLE  # noqa: E402

__all__ = ["VARIABLE", "Day", "Entry", "History"]

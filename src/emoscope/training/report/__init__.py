"""Reports: what a model is worth, as figures, words and pictures in one folder."""

from emoscope.training.report.text import classification_table
from emoscope.training.report.write import write_report

__all__ = ["classification_table", "write_report"]

"""Evaluation: a model, a corpus, and figures that say how they came about.

Faces and voices go the way they go in use: the same crops, the same speech gate, the same models.
"""

from emoscope.training.evaluate.faces import evaluate_face
from emoscope.training.evaluate.figures import Evaluation, Figure
from emoscope.training.evaluate.voices import evaluate_voice

__all__ = ["Evaluation", "Figure", "evaluate_face", "evaluate_voice"]

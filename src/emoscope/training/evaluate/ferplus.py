"""FER+'s votes (Barsoum et al., 2016) as a second opinion on FER2013's labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import SHARED
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.ferplus import vote_winner
from emoscope.training.evaluate.figures import Figure
from emoscope.training.metrics import measure


def ferplus_figures(corpus: FaceCorpus, shared: NDArray[np.float64]) -> tuple[Figure, ...]:
    """Figures against FER+'s votes; none where there are no votes.

    Args:
        corpus: ``n`` pictures.
        shared: ``(n, 7)`` probabilities of the shared seven.
    """
    if not corpus.tagged.any():
        return ()
    winner, votes = vote_winner(corpus)
    rules = (
        (
            "ferplus_majority",
            (winner >= 0) & (votes > corpus.tagged / 2),
            "FER+ labels where more than half of all taggers chose one of the seven emotions",
        ),
        (
            "ferplus_plurality",
            winner >= 0,
            "FER+ labels where one of the seven emotions has more votes than anything else",
        ),
    )
    return tuple(
        Figure(name, text, measure(shared[chosen], winner[chosen], SHARED))
        for name, chosen, text in rules
        if chosen.any()
    )

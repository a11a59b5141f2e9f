"""FER+'s votes (Barsoum et al., 2016) as a second opinion on FER2013's labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import SHARED
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.evaluate.figures import Figure
from emoscope.training.metrics import measure


def vote_winner(corpus: FaceCorpus) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Winning emotion of FER+'s votes and its number of votes.

    Returns:
        ``(n,)`` class of the shared seven, -1 where none of them has more votes than each other
        emotion, than contempt, and than *unknown* and *no face* together; and ``(n,)`` its votes.
    """
    best = corpus.votes.argmax(1)
    most = corpus.votes.max(1)
    alone = (corpus.votes == most[:, None]).sum(1) == 1
    elsewhere = corpus.tagged - corpus.votes.sum(1)
    won = alone & (most > elsewhere) & (best < len(SHARED)) & (most > 0)
    return np.where(won, best, -1), most


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

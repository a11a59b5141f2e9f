"""``python -m emoscope.training.texts``."""

import sys

from emoscope.training.texts.train import main

main(sys.argv[1:])

"""The training wing: corpora, networks, recipes, evaluation and export of the shipped models.

It uses the same crops, waveforms and labels as the rest of the package; nothing imports it but the
command line, lazily.
"""

"""Corpora as arrays: what was downloaded is read, never unpickled."""

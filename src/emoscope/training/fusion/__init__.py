"""Fits how faces, voices and words are pooled, and measures what that gives."""

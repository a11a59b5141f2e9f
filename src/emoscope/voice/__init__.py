"""Voices: where somebody speaks, and how it sounds."""

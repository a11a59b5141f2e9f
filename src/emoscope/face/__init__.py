"""Faces: detect → crop → recognise, and track them through time."""

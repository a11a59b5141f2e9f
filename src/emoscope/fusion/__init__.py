"""Faces, voices and words together: pooling, congruence, smoothing over time, translation."""

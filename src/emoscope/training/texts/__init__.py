"""The emotion of words: GoEmotions, two readers, one small graph."""

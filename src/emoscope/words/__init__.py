"""Words: what is said (Whisper), and what emotion the text shows."""

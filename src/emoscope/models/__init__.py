"""Models: what is known (catalog), where the files are (store), how they run (session)."""

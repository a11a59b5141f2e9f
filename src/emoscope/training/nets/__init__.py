"""Networks, written to be read in a sitting."""

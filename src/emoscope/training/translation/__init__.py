"""Translation between face and voice: learnt from unpaired items that share labels, measured."""

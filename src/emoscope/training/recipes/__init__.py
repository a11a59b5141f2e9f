"""Recipes: data, augmentation, network and schedule of each model, a short file each."""

"""Predicts the classes of images."""

"""Reasons: what is wrong with an image, in words, with the points that each fault costs and its place."""

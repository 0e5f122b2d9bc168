"""A run of `hiqa score` on a Ray cluster: a driver that hands out images and writes rows, actors that score."""

"""Several processes that score the images of one run: a parent that hands out jobs and workers that are replaced."""

"""The stage that trains the heads of the released R (networks/pair_regressor.py).

G and the trunk are frozen by now, so every image is run through them once: `examples` says which, `rows` holds what
came out, `collect` stores it in pieces. `objective` trains the heads on it in minutes, `stage` puts the parts together.
"""

"""The stage that trains the heads of the released R (networks/pair_regressor.py).

G and the trunk are frozen in this stage, so that every image passes through them only once: `examples` lists the
images, `rows` holds their statistics, `collect` stores these in pieces. `training` trains the heads on the rows in
minutes, by the losses of `objective`; `stage` joins the parts.
"""

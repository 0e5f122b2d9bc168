"""The stage that trains the later blocks of the released R's trunk to predict quality from the image alone.

`views` draws the inputs, `objective` holds the losses of blocks and image head, `stage` is the stage of a run.
"""

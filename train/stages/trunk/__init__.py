"""The trunk of the released R: its later blocks, trained to tell the quality of images alone.

views.py draws what they see, objective.py trains them with a head, stage.py is the stage of a run.
"""

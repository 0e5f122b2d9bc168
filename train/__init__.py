"""The training suite of hiqa, installed as `hiqa_train`: distortions, losses, stages, release.

Imports the engine and the networks; neither of them imports it.
"""

"""TID2013 and TID2008 built again from Kodak's photographs, to measure like the originals.

kodak       the 24 photographs, told by content, and the references cut from them
recipes     what each type does, and how strongly for each level and scene
fit         finds the strengths from published PSNRs
build       writes the tree in the published layout
measure     compares a tree with the published measurements, and puts each type in a class
"""

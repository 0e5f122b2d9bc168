"""TID2013 and TID2008, rebuilt from Kodak's photographs to measure like the originals.

kodak            recognises the 24 photographs by content, and cuts the references from them
tid_distortions  the distortion of each type, and its strength for each level and scene
build            writes a database in the published layout
measure          compares a database with the published measurements, and classifies each type
"""

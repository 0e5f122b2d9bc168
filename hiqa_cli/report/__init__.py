"""Reports that people look at: one page, or one picture, made of a run's rows as they come.

Stands between the commands, which find, score and read, and the engine, which knows scales and pictures. Writes the
files it is told to write, prints nothing, imports no terminal.
"""

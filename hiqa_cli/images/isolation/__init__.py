"""Decoding in a child process: a picture made to attack a decoder meets a process that may open nothing."""

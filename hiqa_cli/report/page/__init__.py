"""The HTML page: one self-contained file, plus a folder next to it for images beyond the embed limit."""

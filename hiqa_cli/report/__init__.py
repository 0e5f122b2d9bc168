"""HTML reports and PNG contact sheets, built from rows as they arrive.

Reads rows, images and maps; writes only the files named in its options. Knows nothing about scoring runs or commands.
"""

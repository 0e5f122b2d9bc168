"""The commands: one file or folder each, with options, help and usage errors."""

"""Files that a decoder may stumble over."""

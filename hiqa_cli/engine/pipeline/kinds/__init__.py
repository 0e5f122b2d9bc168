"""What kind of picture an image is: a photograph, or one of those whose score means little."""

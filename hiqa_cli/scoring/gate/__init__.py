"""What a run is judged by beyond its rows: an earlier run, and the formats in which CI systems read the result."""

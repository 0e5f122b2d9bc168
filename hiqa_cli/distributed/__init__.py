"""Scoring by several processes: workers on one machine (`workers`)."""

"""Files that hiqa writes: completely or not at all (`atomic`), after checks before any work (`output_checks`)."""

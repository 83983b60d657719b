"""Where a track's frames come from."""

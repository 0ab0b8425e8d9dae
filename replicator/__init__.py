"""Ships what a destination has not acknowledged: cursors, chunks, retry, dead letters, verify and repair."""

"""HTTP of the running service, read-only: health, metrics and the live page."""

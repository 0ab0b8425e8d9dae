"""The live page: its API over a real log, and the page itself in a real browser."""

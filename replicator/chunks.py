"""How many rows go into one request: more while the answers are fast, fewer when the destination cannot cope."""

FEWEST_ROWS = 100
MOST_ROWS = 5_000
MOST_VALUES = 60_000  # one below the 65,535 parameters a PostgreSQL statement can bind, with a margin
FAST_SECONDS = 1.0


class ChunkSize:
    """The present limit of one table."""

    def __init__(self, columns: int) -> None:
        self._most = min(MOST_ROWS, MOST_VALUES // columns)
        self.rows = min(1_000, self._most)

    def delivered(self, rows: int, seconds: float) -> None:
        """A chunk of `rows` was acknowledged after `seconds`; only full chunks tell something."""
        if rows >= self.rows and seconds < FAST_SECONDS:
            self.rows = min(self.rows * 2, self._most)

    def refused(self, rows: int) -> bool:
        """A chunk of `rows` timed out or was too large. False when a smaller one would not help."""
        self.rows = max(min(rows, self.rows) // 2, FEWEST_ROWS)
        return rows > FEWEST_ROWS

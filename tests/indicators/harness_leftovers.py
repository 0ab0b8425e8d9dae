"""`python -m tests.indicators.harness_leftovers FOLDER ROWS`: by how many MB removing such a table lifts the peak."""

import asyncio
import functools
import resource
import sys
from pathlib import Path

from indicators import leftovers, registry, schema, store
from tests.indicators import worlds

ROWS_PER_WRITE = 10_000


async def main(folder: Path, rows: int) -> None:
    """Fill a table as a rebuild does, and remove it."""
    async with worlds.opened_state(folder / "state.db") as state:
        await state.transaction(lambda connection: schema.create_tables(connection, schema.REPLACED))
        values = [1.0] * len(registry.INDICATORS)
        for first in range(1, rows, ROWS_PER_WRITE):
            numbers = range(first, first + ROWS_PER_WRITE)
            part = [(number, number, "AAPL", worlds.OPEN_US + number, *values) for number in numbers]
            await state.transaction(functools.partial(store.write_rows, rows=part, suffix=schema.REPLACED))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await leftovers.remove(state)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        assert not {name for name in await worlds.tables(state) if name.endswith(schema.REPLACED)}


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

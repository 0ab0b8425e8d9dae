"""Open pages without a browser, in a process of their own: `python -m benchmarks.page_viewers URL TICKER COUNT`.

Prints a line once all are open; reads and throws away until it is killed.
"""

import asyncio
import sys
from urllib.parse import urlsplit


async def main(url: str, ticker: str, count: int) -> None:
    """Hold `count` streams open."""
    address = urlsplit(url)
    streams = [await asyncio.open_connection(address.hostname, address.port, limit=1 << 20) for _ in range(count)]
    for _, writer in streams:
        writer.write(f"GET /api/live?ticker={ticker} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    for reader, _ in streams:
        await reader.readline()
    print("open", flush=True)
    await asyncio.gather(*(_drain(reader) for reader, _ in streams))


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

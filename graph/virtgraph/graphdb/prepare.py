"""Have Java remember a start of the embedded server, which makes the next ones quicker: `python -m virtgraph.graphdb.prepare`.

Of 7.2 s of processor time until it answers, 3.0 s are left (two slow cores). Needs to write into the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from virtgraph.graphdb import arcadedb, child
from virtgraph.graphdb.embedded import start_embedded

SECONDS = 300.0  # for Java to write down what it has learned


async def prepare() -> None:
    """Raises GraphServerError, and TimeoutError."""
    cache = arcadedb.aot_cache()
    cache.unlink(missing_ok=True)
    with TemporaryDirectory() as folder:
        server = await start_embedded(Path(folder), java=[f"-XX:AOTCacheOutput={cache}"])
        os.kill(server.pid, signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            await child.end_of(server.pid)
    if not cache.exists():
        sys.exit(f"{cache} was not written")


if __name__ == "__main__":
    asyncio.run(prepare())

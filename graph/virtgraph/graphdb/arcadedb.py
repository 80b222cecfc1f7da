"""How the ArcadeDB server of the `arcadedb_embedded` wheel is started: its own Java runtime, on the loopback.

Settings are those of ArcadeDB's GlobalConfiguration, given as Java system properties.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

USER = "root"


def command(folder: Path, port: int, password_file: Path, database: str, java: Sequence[str] = ()) -> list[str]:
    """The server's command line. The password goes by file: arguments are for everybody to read.

    `java`: more options of Java's own.
    """
    wheel, cache = _wheel(), aot_cache()
    settings = {
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "bolt.host": "127.0.0.1",
        "bolt.port": str(port),
        "server.httpIncomingHost": "127.0.0.1",
        "server.httpIncomingPort": "0",  # nobody asks it; the system picks a port that is free
        "server.rootPath": str(folder),
        "server.rootPasswordPath": str(password_file),
        "server.defaultDatabases": f"{database}[{USER}]",
        "server.mode": "production",
        "command.timeout": "15000",  # ms; it heeds no time limit of a Bolt transaction
        "txWalFlush": "2",  # fsync before a commit is answered
    }
    return [
        str(wheel / "jre/bin/java"),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        *([f"-XX:AOTCache={cache}"] if cache.exists() else ()),  # Java goes without one that does not fit
        *java,
        "-cp",
        str(wheel / "jars/*"),
        *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
        "com.arcadedb.server.ArcadeDBServer",
    ]


def aot_cache() -> Path:
    """Where Java has what it learned by a start (JEP 514), once `virtgraph.graphdb.prepare` was run."""
    return _wheel() / "jre/lib/virtgraph.aot"


def _wheel() -> Path:
    """The wheel's folder, found without importing it: the import would load a JVM bridge."""
    spec = importlib.util.find_spec("arcadedb_embedded")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the Python package arcadedb-embedded is not installed")
    return Path(spec.origin).parent

"""The graph's server: one driver for both engines, and the embedded server when no other is set."""

from virtgraph.graphdb.connect import DATABASE, connect
from virtgraph.graphdb.embedded import EmbeddedServer, GraphServerError, start_embedded

__all__ = ["DATABASE", "EmbeddedServer", "GraphServerError", "connect", "start_embedded"]

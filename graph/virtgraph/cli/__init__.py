"""`virtgraph`: the service's own commands, and a client that speaks GraphQL to it and never opens the graph."""

from virtgraph.cli.commands import app

__all__ = ["app"]

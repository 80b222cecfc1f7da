"""`python -m virtgraph.cli`"""

from virtgraph.cli.commands import app

app()

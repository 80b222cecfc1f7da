"""Documents: from YAML or JSON text to what is wanted, and back to the caller with everything filled in.

Pure: no I/O, and no id is made here.
"""

from virtgraph.spec.completion import Filled, complete
from virtgraph.spec.errors import Invalid
from virtgraph.spec.loading import Document, parse
from virtgraph.spec.wishes import wish

__all__ = ["Document", "Filled", "Invalid", "complete", "parse", "wish"]

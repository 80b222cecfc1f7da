"""virtgraph's core: the graph of virtual infrastructure, what is wanted of it, and the work that makes hosts match it."""

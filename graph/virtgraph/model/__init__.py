"""The kinds of things in the graph, their relations, and what can be wanted of them: data only, no I/O."""

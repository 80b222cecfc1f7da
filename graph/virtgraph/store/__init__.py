"""The only code that talks to the graph: whole Cypher statements, each under the arrow that it walks."""

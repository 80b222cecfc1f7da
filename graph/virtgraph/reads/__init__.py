"""Reads, compiled: a GraphQL field with everything below it becomes one Cypher statement and one function.

selection.py   the field's AST → what is asked for, without fragments and directives
arguments.py   a field's arguments → their shape (part of the statement) and their values (its parameters)
compiler.py    what is asked for, and the declarations of `model.kinds` → statement and function
nulls.py       null where the schema forbids it → errors
execute.py     runs the statement
answer.py      all of it, remembering what was compiled
"""

from virtgraph.reads.answer import Answer, answer

__all__ = ["Answer", "answer"]

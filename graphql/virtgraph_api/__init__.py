"""The GraphQL API of virtgraph: a Starlette application over a strawberry schema."""

"""Operations, the runs that do them, and bindings in the API."""

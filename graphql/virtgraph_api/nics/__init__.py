"""NICs in the API."""

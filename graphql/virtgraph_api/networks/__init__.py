"""Networks in the API."""

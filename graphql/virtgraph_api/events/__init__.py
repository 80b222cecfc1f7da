"""The API's subject: events."""

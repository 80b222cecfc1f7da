"""Volumes in the API."""

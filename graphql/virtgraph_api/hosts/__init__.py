"""Hosts in the API."""

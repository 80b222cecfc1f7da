"""Pools in the API."""

"""Stacks and their revisions in the API."""

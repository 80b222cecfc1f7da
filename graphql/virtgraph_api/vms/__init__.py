"""VMs in the API."""

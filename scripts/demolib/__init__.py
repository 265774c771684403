"""What goes wrong, and is undone without a person: three deployments of a small service, on the local stack."""

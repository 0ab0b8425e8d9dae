"""What builds, ships and starts the service."""

"""What is asked of a device: each check is a small function that yields findings."""

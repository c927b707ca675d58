"""The array_api backend."""

"""Of CuPy's compiled half, what the backend calls."""

"""A client of the public API: what the command line speaks through. It imports no server code."""

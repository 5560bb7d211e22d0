"""The AMD conversation without I/O: both roles."""

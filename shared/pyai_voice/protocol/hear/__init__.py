"""The Hear conversation without I/O: both roles."""

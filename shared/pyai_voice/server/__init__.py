"""The local server: PyAI's own protocol with real engines, offline."""

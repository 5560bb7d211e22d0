"""PyAI for every client that speaks OpenAI's audio API: a small ASGI front."""

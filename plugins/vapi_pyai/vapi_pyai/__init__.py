"""PyAI for hosts that call by HTTP and WebSocket as Vapi does: one ASGI application."""

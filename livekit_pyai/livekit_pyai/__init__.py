"""PyAI Hear and Speak for LiveKit Agents."""

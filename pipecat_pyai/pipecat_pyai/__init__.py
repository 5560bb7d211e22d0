"""PyAI Hear and Speak for Pipecat."""

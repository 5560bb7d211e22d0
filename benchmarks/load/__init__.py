"""Callers that speak in real time through one implementation of a Hear client; a process for each implementation."""

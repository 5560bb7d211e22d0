"""Agents that speak the same sentences through one implementation; a process for each implementation."""

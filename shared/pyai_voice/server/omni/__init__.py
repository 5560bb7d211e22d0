"""Omni, the whole agent: it listens, thinks, calls tools and speaks, all at once.

``conversation`` is the agent without a word of any wire; ``native`` and ``openai`` put it on PyAI's own wire and on
OpenAI's Realtime events.
"""

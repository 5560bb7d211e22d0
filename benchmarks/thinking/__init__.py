"""Bots that only listen and note when they would begin to think: of both frameworks, with any owner of the turn."""

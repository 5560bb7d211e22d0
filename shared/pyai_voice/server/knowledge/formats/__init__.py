"""Kinds of files: each module turns one kind into blocks, or refuses it."""

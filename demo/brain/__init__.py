"""The offline brain of the coffee bar: rules over a menu, no language model, the same answer to the same words.

``python -m demo.brain`` serves it as an OpenAI-compatible endpoint; set ``OPENAI_BASE_URL`` to a real model instead
and nothing else changes.
"""

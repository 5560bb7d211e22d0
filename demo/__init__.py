"""The demonstration: a caller orders coffee from two bots, which hear with Hear and speak with Speak.

``python -m demo`` plays the scene; ``python -m demo.orders`` plays recorded orders of real people.
"""

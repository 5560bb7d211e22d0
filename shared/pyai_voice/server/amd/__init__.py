"""Who has answered a call: the sound of its first seconds in, a decision out.

stream.py (the socket) -> detector.py -> sound.py (what is in 20 ms), reader.py (words) -> judge.py and its machines
"""

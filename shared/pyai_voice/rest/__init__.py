"""Plain requests and answers: everything before and after a call, one part of the service in each file.

Above: :class:`pyai_voice.client.Client`, which gathers them. Records and settings are in the file of their part:
``from pyai_voice.rest.agents import AgentSettings``.
"""

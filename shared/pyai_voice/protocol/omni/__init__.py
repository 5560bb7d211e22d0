"""The Omni wire: messages, and the machines of both roles."""

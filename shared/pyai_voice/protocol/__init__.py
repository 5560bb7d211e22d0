"""Sans-I/O protocol machines: messages in, events out; calls in, messages out. No clock, no socket."""

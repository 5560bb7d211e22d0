"""The page ``/playground``: talk to Omni, or to a Pipecat bot, in a browser. ``static`` is what the browser runs."""

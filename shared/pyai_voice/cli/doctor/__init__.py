"""``pyai-voice doctor``: what works between here and the service, how fast, and what to do where it does not."""

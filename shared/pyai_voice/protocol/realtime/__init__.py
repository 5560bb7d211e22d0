"""OpenAI's Realtime events, spoken by a server: machines without a socket and without a clock."""

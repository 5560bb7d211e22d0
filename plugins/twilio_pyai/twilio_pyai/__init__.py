"""PyAI on the telephone: Twilio's media streams."""

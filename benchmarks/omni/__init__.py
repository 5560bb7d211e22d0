"""What Omni sessions cost and keep to over time, against a service that follows a script."""

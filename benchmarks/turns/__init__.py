"""Who ends a turn rightly and soon: silence, Smart Turn, LiveKit's detector, and ours, on the same clips."""

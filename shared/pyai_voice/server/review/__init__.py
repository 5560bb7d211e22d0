"""What can be computed from the record of a call: times, turns, rules that were broken. Nothing is made up. Pure."""

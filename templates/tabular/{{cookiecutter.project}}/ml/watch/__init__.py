"""Watch: what the monitor does with a period: read what was captured, join labels to it, judge it, tell of it."""

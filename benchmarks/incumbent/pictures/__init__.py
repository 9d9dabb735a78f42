"""Jobs that become pictures."""

"""The answer path that a generator of portraits is going to replace."""

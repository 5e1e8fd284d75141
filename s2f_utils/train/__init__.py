"""Training: one loop for all methods, and one step per method, written like its paper."""

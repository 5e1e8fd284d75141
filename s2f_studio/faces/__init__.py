"""What face a drawing means: the expected face, candidates; their networks, stages and training."""

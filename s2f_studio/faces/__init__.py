"""What face a drawing means: the expected face, candidates, hints; their networks, stages and training."""

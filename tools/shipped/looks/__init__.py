"""The reader of looks: its drawings, its labels, its training."""

"""Drawings: paper judged and cleaned, face and landmarks found, warped to the mean shape."""

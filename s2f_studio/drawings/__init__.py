"""Drawings: paper judged and cleaned, face and landmarks found, bent to the mean shape."""

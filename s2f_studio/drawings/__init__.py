"""Drawings: paper cleaned, domain recognised, face and landmarks found, bent to the mean shape."""

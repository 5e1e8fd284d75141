"""Drawings: paper classified and cleaned, face and landmarks detected, warped to the mean shape."""

"""Sketch to Face: a thin library under the notebooks that turn face sketches into photos."""

__version__ = "0.1.0"

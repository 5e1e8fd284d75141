"""The generator that answers today, `render`, shipped as sketch-to-photo-rendered.
`faces/networks/portrait.py` is to
take its place: that one is in training, and no shipped model uses it.
"""

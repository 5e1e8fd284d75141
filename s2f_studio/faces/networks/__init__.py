"""The expected face, and the generator of portraits, which is in training: no shipped model uses
it.
"""

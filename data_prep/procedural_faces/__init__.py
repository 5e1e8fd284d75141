"""Faces drawn by code, each with its sketch, its map and its landmarks;
nothing else is in this folder.
"""

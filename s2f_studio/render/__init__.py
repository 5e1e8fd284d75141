"""The generator that renders a photo from the average face: `render`, shipped as
sketch-to-photo-rendered.
"""

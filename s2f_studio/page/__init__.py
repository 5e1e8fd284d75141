"""What every host of the page shares: pictures in, answers out, the models there are, and the page
itself.
"""

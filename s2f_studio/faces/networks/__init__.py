"""The landmark finder, the expected face, and the generator of portraits."""

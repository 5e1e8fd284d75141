"""The doctor: looks at every picture, judges the set, mends it, and writes a page."""

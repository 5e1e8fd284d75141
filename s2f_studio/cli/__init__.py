"""The studio's commands of `s2f`."""

"""Data sets by name: their terms, their download, and where to get those that need a form."""

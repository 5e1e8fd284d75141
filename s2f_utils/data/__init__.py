"""Data sets as training reads them: the manifest, and stores of pictures."""

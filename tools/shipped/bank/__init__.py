"""The bank of generated people: read, looked at, compared with real people, written."""

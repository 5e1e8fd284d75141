"""The pad without a server: a folder that any static host serves; the browser answers."""

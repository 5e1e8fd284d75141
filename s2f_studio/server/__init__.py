"""The web app: its routes, the gate before them, and the models at work."""

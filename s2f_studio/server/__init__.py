"""The web app: server, gate, lanes, uploads, visits, and its page in static/."""

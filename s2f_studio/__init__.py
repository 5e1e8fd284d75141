"""From a drawing to a face: what understands drawings, expects faces, and serves them; over `s2f_utils`."""


def register(what: str) -> None:
    """Put this package's networks, methods, answers or commands into the tables of `s2f_utils` (`extensions.DOORS`)."""
    from s2f_studio import registering

    getattr(registering, "add_" + what.replace(" ", "_"))()

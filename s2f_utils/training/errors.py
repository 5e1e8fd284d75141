"""What ends a training; known without PyTorch."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite, or ran away; the message names it and the last good checkpoint."""


class NotSavedError(OSError):
    """The state at a training's end could not be written; `strerror` says why, where, and what to do."""

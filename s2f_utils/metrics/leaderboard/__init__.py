"""The leaderboard: saved outputs found, measured beside the answers that need no model, and written as tables."""

from s2f_utils.metrics.leaderboard.board import Leaderboard, build
from s2f_utils.metrics.leaderboard.outputs import Entry, find_outputs
from s2f_utils.metrics.leaderboard.tables import as_dict, as_markdown, over_seeds, write

__all__ = ["Entry", "Leaderboard", "as_dict", "as_markdown", "build", "find_outputs", "over_seeds", "write"]

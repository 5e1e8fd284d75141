"""The leaderboard: saved outputs found, measured beside the answers that need no model, and written as tables."""

from s2f_utils.metrics.leaderboard.board import Leaderboard, Row, build
from s2f_utils.metrics.leaderboard.files import write
from s2f_utils.metrics.leaderboard.outputs import Entry, find_outputs
from s2f_utils.metrics.leaderboard.tables import as_dict, as_markdown, over_seeds

__all__ = ["Entry", "Leaderboard", "Row", "as_dict", "as_markdown", "build", "find_outputs", "over_seeds", "write"]

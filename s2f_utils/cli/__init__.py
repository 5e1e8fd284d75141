"""The command line: one file a command."""

from s2f_utils.cli.main import main

__all__ = ["main"]

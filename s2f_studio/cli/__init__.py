"""The command line: one file a command."""

from s2f_studio.cli.main import main

__all__ = ["main"]

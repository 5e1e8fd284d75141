"""What the user does in the page while a cell runs:
the kernel's messages, read between two steps of a training.

A running cell blocks the kernel, so that a slider moved in the page is noticed only after it.
`PagePoller` therefore reads the page's messages in the foreground, by private names of ipykernel
and pyzmq. Which public ways were tried, and with which versions, is in docs/training.md.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from typing import Any


def current_kernel() -> Any | None:
    """The Jupyter kernel that runs this code;
    None in a script, a plain IPython shell, or another process.
    """
    if "IPython" not in sys.modules:  # then nobody started a kernel
        return None
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def has_page() -> bool:
    """Whether a person may be looking: pages let a cell ask for input, nbclient, nbval and
    papermill do not.
    """
    kernel = current_kernel()
    return kernel is not None and (
        bool(getattr(kernel, "_allow_stdin", False)) or "google.colab" in sys.modules
    )


class PagePoller:
    """Handles the page's widget messages while a cell runs, in the foreground.

    Only comm messages (widgets) are handled; any other request, such as the next cells of "Run
    all", goes where the kernel would have put it, and waits there for the end of this cell. For
    ipykernel 6 (the shell's stream) and 7 (the stream from its shell-channel thread to the main
    thread). Raises RuntimeError where neither is found.
    """

    def __init__(self, kernel: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the page can only be polled from the main thread")
        try:
            channel = getattr(kernel, "shell_channel_thread", None)
            pair = channel.manager.get_shell_channel_to_subshell_pair(None) if channel else None
            self._stream = pair.to_stream if pair else kernel.shell_stream
            self._session, self._publish_status = kernel.session, kernel._publish_status
            self._handlers = {
                name: kernel.shell_handlers[name]
                for name in ("comm_open", "comm_msg", "comm_close")
            }
            if not callable(self._stream.flush) or not callable(self._stream._recv_callback):
                raise TypeError("nothing receives its messages")
        except (AttributeError, KeyError, TypeError) as error:
            raise RuntimeError(f"this kernel cannot be polled: {error}") from error

    def poll(self) -> int:
        """Handle the widget messages that have arrived; returns how many there were."""
        ours: list[Any] = []
        forward = self._stream._recv_callback

        def receive(frames: list[Any]) -> None:
            if self._kind(frames) in self._handlers:
                ours.append(frames)
            elif inspect.isawaitable(waiting := forward(frames)):  # as the stream itself does it
                asyncio.ensure_future(waiting)

        self._stream._recv_callback = receive
        try:
            self._stream.flush()
        finally:
            self._stream._recv_callback = forward
        for frames in ours:
            self._handle(frames)
        return len(ours)

    def _kind(self, frames: list[Any]) -> str:
        try:
            _, (_, header, *_) = self._session.feed_identities(frames, copy=False)
            return self._session.unpack(getattr(header, "bytes", header))["msg_type"]
        except Exception:  # ipykernel 7's "stop aborting", or a broken message: for the kernel
            return ""

    def _handle(self, frames: list[Any]) -> None:
        identities, parts = self._session.feed_identities(frames, copy=False)
        message = self._session.deserialize(parts, content=True, copy=False)
        # Not by kernel.dispatch_shell, which exchanges the signal handlers and swallows an
        # interrupt. The status messages matter: a page keeps a widget's next message back until it
        # sees "idle" for the one before.
        self._publish_status("busy", "shell", parent=message)
        try:
            self._handlers[message["header"]["msg_type"]](self._stream, identities, message)
        finally:
            self._publish_status("idle", "shell", parent=message)
            self._publish_status("busy", "shell")  # the cell still runs

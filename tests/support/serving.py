"""Runs a server in a thread, so that no failure of its own goes unseen."""

import socketserver
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def serving(server: socketserver.BaseServer) -> Generator[None]:
    """Run a server while the context lasts.

    Raises:
        ExceptionGroup: Handling a request failed, other than by a connection that the client closed.
    """
    failures: list[Exception] = []

    def handle_error(request: Any, client_address: Any) -> None:
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            failures.append(error)

    server.handle_error = handle_error  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
    if failures:
        raise ExceptionGroup("the server failed", failures)

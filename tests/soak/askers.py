"""Clients that ask for one thing after the other. Next: reloads.py and memory.py, which have some."""
# SPDX-License-Identifier: Apache-2.0
import threading


class Askers:
    """Calls `ask` again and again, on as many threads of their own as there are clients, while the context lasts."""

    def __init__(self, clients, ask):
        self._ask = ask
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stop.is_set():
            self._ask()

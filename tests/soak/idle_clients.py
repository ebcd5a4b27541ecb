"""HTTP clients that keep connections and ask for nothing: some silent, some sending one octet a second."""
# SPDX-License-Identifier: Apache-2.0
import itertools
import socket
import threading

TICK_SECONDS = 1
CONNECT_SECONDS = 2
REQUEST = b"GET /metrics HTTP/1.1\r\nX-Never-Ends: "


class IdleClient:
    """One connection, opened anew whenever the server has closed it."""

    def __init__(self, port, drips):
        self.port = port
        self.drips = drips
        self.octets = iter(())
        self.socket = None
        self.opened = 0

    def tick(self):
        if self.socket is None:
            self._open()
        elif self._closed() or (self.drips and not self._drip()):
            self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def _open(self):
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=CONNECT_SECONDS)
        except OSError:
            return
        self.socket.setblocking(False)
        self.opened += 1
        self.octets = itertools.chain(REQUEST, itertools.repeat(ord("x")))

    def _closed(self):
        try:
            return self.socket.recv(4096) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _drip(self):
        try:
            self.socket.send(bytes([next(self.octets)]))
            return True
        except OSError:
            return False


class IdleClients:
    """So many clients, every other one dripping, on a thread of their own while the context lasts."""

    def __init__(self, port, count):
        self.clients = [IdleClient(port, drips=number % 2 == 1) for number in range(count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def opened(self):
        return sum(client.opened for client in self.clients)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        for client in self.clients:
            client.close()

    def _run(self):
        while not self._stop.wait(TICK_SECONDS):
            for client in self.clients:
                client.tick()

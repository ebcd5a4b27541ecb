"""A PostgreSQL of our own, on loopback: started, killed and started again. Next: test_shared_reports.py."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import signal
import subprocess

from process import Child, free_port
from servers import let_others_through

SUPERUSER = "postgres"
USER = "mtasts"  # owns its databases, and may do nothing else
AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")  # it refuses to run as root


def programs():
    """The folder of the newest version's programs."""
    return max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


class Postgresql(Child):
    PASSWORD = "geheim-0123"  # asked for by TCP

    def __init__(self, folder):
        super().__init__("postgresql", folder)
        self.port = free_port()
        self.data = self.folder / "data"
        shutil.chown(self.folder, user="nobody")
        let_others_through(self.folder)
        password = self.folder / "password"
        password.write_text(self.PASSWORD + "\n")
        password.chmod(0o644)
        subprocess.run([*AS_NOBODY, programs() / "initdb", f"--pgdata={self.data}", f"--username={SUPERUSER}", f"--pwfile={password}",
                        "--auth-host=scram-sha-256", "--auth-local=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self):
        self.spawn([*AS_NOBODY, programs() / "postgres", "-D", self.data, "-k", self.folder, "-p", str(self.port),
                    "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], self._answers)

    def _answers(self):
        return subprocess.run([programs() / "pg_isready", "--quiet", f"--host={self.folder}", f"--port={self.port}"],
                              check=False).returncode == 0

    def make_user(self):
        self.query(f"CREATE ROLE {USER} LOGIN PASSWORD '{self.PASSWORD}'", "postgres")

    def make_database(self, name):
        """As docs/reports.md says."""
        self.query(f"CREATE DATABASE {name} OWNER {USER} ENCODING UTF8 TEMPLATE template0", "postgres")

    def query(self, statement, database):
        """What a statement returns, as text."""
        command = [programs() / "psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--host={self.folder}",
                   f"--port={self.port}", f"--username={SUPERUSER}", f"--dbname={database}", f"--command={statement}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def url(self, database, password=None, **parameters):
        """Where an exporter finds it. Input: without a password it has to come by another way."""
        user = USER if password is None else f"{USER}:{password}"
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}" + (f"?{query}" if query else "")

    def kill(self):
        """As a crash: clients get no farewell, and the next start recovers."""
        self.signal(signal.SIGQUIT)
        self.process.wait(timeout=30)

    def stop(self, seconds=10):
        """SIGTERM would wait for the clients."""
        if self.running:
            self.kill()
        return super().stop(seconds)

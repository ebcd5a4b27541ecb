"""Prometheus with the shipped rules, Alertmanager with the shipped configuration, and who receives what they say.

Both are as shipped but for the times: nobody waits seven minutes for a test. Next: test_alerts.py.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml
from process import Child, free_port, wait_until
from servers import Prometheus, http

GRAFANA = pathlib.Path(__file__).resolve().parents[2] / "grafana"
ALERTMANAGER_CONFIG = GRAFANA / "alertmanager" / "alertmanager.example.yaml"
RULE_TIMES = {"for": "1s", "keep_firing_for": "2s"}
ROUTE_TIMES = {"group_wait": "4s", "group_interval": "5s"}  # repeat_interval stays: what is said once is not said again


class Receivers:
    """A web server that keeps the notifications of Alertmanager's receivers, by their name. A context."""

    def __init__(self):
        self._lock = threading.Lock()
        self._notifications = []
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receivers._keep(self.path.strip("/"), self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, receiver):
        return f"http://127.0.0.1:{self._server.server_address[1]}/{receiver}"

    def _keep(self, receiver, body):
        with self._lock:
            self._notifications.append((receiver, json.loads(body)))

    def notifications(self):
        """All that came so far: (receiver, notification)."""
        with self._lock:
            return list(self._notifications)

    def alerts(self, status):
        """Every alert in a notification with this status: (receiver, group labels, alert labels, annotations)."""
        return [(receiver, notification["groupLabels"], alert["labels"], alert["annotations"])
                for receiver, notification in self.notifications() for alert in notification["alerts"]
                if alert["status"] == status]


class Alertmanager(Child):
    """Alertmanager with the example configuration, its receivers replaced by Receivers and its times shortened."""

    def __init__(self, folder, receivers, route_times=None):
        super().__init__("alertmanager", folder)
        self.port = free_port()
        config = yaml.safe_load(ALERTMANAGER_CONFIG.read_text())
        config["receivers"] = [{"name": receiver["name"], "webhook_configs": [{"url": receivers.url(receiver["name"])}]}
                               for receiver in config["receivers"]]
        self._shorten(config["route"], route_times or ROUTE_TIMES)
        self.config = self.folder / "alertmanager.yaml"
        self.config.write_text(yaml.safe_dump(config))

    def _shorten(self, route, times):
        route.update(times)
        for child in route.get("routes", []):
            self._shorten(child, times)

    def start(self):
        self.spawn(["prometheus-alertmanager", f"--config.file={self.config}", f"--storage.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=", "--log.level=warn"],
                   lambda: http("GET", self.url("/-/ready"))[0] == 200)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def alerts(self):
        """What its API lists: labels, annotations, receivers and state."""
        status, body = http("GET", self.url("/api/v2/alerts"))
        assert status == 200, body
        return json.loads(body)

    def post(self, alerts):
        """Gives it alerts, as Prometheus does. Input: a list of labels."""
        status, body = http("POST", self.url("/api/v2/alerts"), {"Content-Type": "application/json"},
                            body=json.dumps([{"labels": labels} for labels in alerts]).encode())
        assert status == 200, body


class AlertingPrometheus(Prometheus):
    """Prometheus with the shipped rules, evaluated every second."""

    def __init__(self, folder, target_port, alertmanager_port):
        super().__init__(folder, target_port)
        config = yaml.safe_load(self.config.read_text())
        config["global"]["evaluation_interval"] = "1s"
        config["rule_files"] = [str(self._quick_rules(path)) for path in sorted((GRAFANA / "alerts").glob("*.rules.yaml"))]
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}]}
        self.config.write_text(yaml.safe_dump(config))

    def _quick_rules(self, path):
        """A copy of a rule file that does not wait."""
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                rule.update({key: value for key, value in RULE_TIMES.items() if key in rule})
        copy = self.folder / path.name
        copy.write_text(yaml.safe_dump(rules))
        return copy


def await_alerts(receivers, status, wanted, seconds):
    """Waits until every one of these label sets was in a notification. Input: wanted is a list of dictionaries."""

    def missing():
        seen = [labels for _, _, labels, _ in receivers.alerts(status)]
        return [labels for labels in wanted if not any(labels.items() <= other.items() for other in seen)]

    wait_until(lambda: not missing(), seconds, lambda: f"{status}: {missing()}")

// The lab and the exporter on free ports in a temporary folder, stopped by their process ids.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const EXTRA_DOMAINS = 3000;
export const LABEL = "Mail & <b>Relay</b>";
const PATIENCE_MS = 90_000;
const DAY = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
const REPORT = {
  "organization-name": "<b>Sender</b> & Sons",
  "date-range": { "start-datetime": `${DAY}T00:00:00Z`, "end-datetime": `${DAY}T23:59:59Z` },
  "contact-info": "tls@sender.example",
  "report-id": "2026-01-01_<i>mx-expired</i>",
  policies: [{
    policy: { "policy-type": "sts", "policy-string": ["version: STSv1", "mode: enforce"], "policy-domain": "mx-expired.lab.test" },
    summary: { "total-successful-session-count": 1234, "total-failure-session-count": 56 },
    "failure-details": [{
      "result-type": "certificate-expired", "receiving-mx-hostname": "mx1.mx-expired.lab.test", "failed-session-count": 56,
      "sending-mta-ip": "192.0.2.1", "additional-information": "<script>alert(2)</script>" }],
  }],
};

/** Starts a program and resolves when a line of its output matches; with what matched. */
function start(program, args, pattern, children) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let output = "";
    const look = (text) => {
      if (output === null) return;
      output += text;
      const found = pattern.exec(output);
      if (found) { output = null; resolve(found); }
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${program} ended with ${code}: ${output}`)));
  });
}

function writeConfiguration(folder) {
  const extra = Array.from({ length: EXTRA_DOMAINS }, (_, i) => `d${String(i).padStart(4, "0")}.extra.test\n`);
  writeFileSync(join(folder, "extra.txt"), extra.join(""));
  const lab = readFileSync(join(folder, "config.yaml"), "utf8");
  const labelled = lab
    .replace("  - healthy.lab.test\n", `  - {name: healthy.lab.test, labels: {team: "${LABEL}"}}\n`)
    .replace("interval: 20s, retry_interval: 20s", "interval: 15m, retry_interval: 15m");
  const file = join(folder, "exporter.yaml");
  writeFileSync(file, `${labelled}\ndomain_files: ["${join(folder, "extra.txt")}"]\ntlsrpt: {accept_unauthenticated: true}\n`);
  return file;
}

/** Polls the metrics until no domain waits for its first probe. */
async function awaitProbed(base) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const text = await (await fetch(`${base}/metrics`)).text();
    const known = /^mtasts_domain_state\{domain="healthy\.lab\.test",state="ok"\} 1$/m.test(text);
    if (known && /^mtasts_exporter_domains_pending 0$/m.test(text)) return;
    if (Date.now() > deadline) throw new Error("not all domains were probed in time");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Starts all and resolves to { base, folder, stop } when every domain has been probed and a report is filed. */
export async function startServers(exporter, lab) {
  const folder = mkdtempSync(join(tmpdir(), "mtasts-browser-"));
  const children = [];
  const stop = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start(lab, ["--dns-port=0", "--https-port=0", "--smtp-port=0", `--dir=${folder}`], /lab: ready/, children);
    const config = writeConfiguration(folder);
    const found = await start(exporter, [`--config.file=${config}`, "--web.listen-address=127.0.0.1:0"],
      /msg=listening.* port=(\d+)[^]*msg=started/, children);
    const base = `http://127.0.0.1:${found[1]}`;
    await awaitProbed(base);
    writeFileSync(join(folder, "report.json"), JSON.stringify(REPORT));
    execFileSync(exporter, ["ingest", join(folder, "report.json"), `--config.file=${config}`]);
    return { base, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

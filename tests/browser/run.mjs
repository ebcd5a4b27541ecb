// The pages in Chromium, over the lab: each case without JavaScript, then every page by axe-core, in light and dark, wide
// and narrow. Prints a line per test.
// Usage: node run.mjs --exporter FILE --lab FILE [--junit FILE] [--screenshots FOLDER] [-k PART-OF-A-NAME]
// SPDX-License-Identifier: Apache-2.0
import axe from "axe-core";
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { cases, pages } from "./cases.mjs";
import { startServers } from "./servers.mjs";

const { values: options } = parseArgs({
  options: {
    exporter: { type: "string" }, lab: { type: "string" }, junit: { type: "string" }, screenshots: { type: "string" },
    k: { type: "string", short: "k", default: "" },
  },
});
const WIDTHS = { wide: 1280, narrow: 360 };
const AT_ONCE = 3;
const SCHEMES = ["light", "dark"];
const PHOTOGRAPHED = { fleet: "/?q=lab.test", domain: pages["domain with several faults"], policy: pages["domain with a bad policy"], failing: pages["failing domain"], reports: "/reports", check: "/check?domain=stranger.lab.test" };

/** A page that keeps what the browser complains about. */
async function openPage(browser, base, settings) {
  const context = await browser.newContext({ baseURL: base, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on("console", (message) => {
    // Chromium reports a page with status 404 or 503 here, too.
    if (["error", "warning"].includes(message.type()) && !/the server responded with a status of (400|404|503)/.test(message.text()))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  return { page, complaints, close: () => context.close() };
}

async function runCase(browser, base, work, settings) {
  const { page, complaints, close } = await openPage(browser, base, settings);
  try {
    await work(page);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
}

async function checkPage(page, path) {
  await page.goto(path);
  await page.locator("details").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`), []);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels wider than the screen`);
}

/** Every test by name. */
function tests(browser, base) {
  const all = {};
  for (const [name, work] of Object.entries(cases))
    all[name] = () => runCase(browser, base, work, { javaScriptEnabled: false });
  for (const [name, path] of Object.entries(pages))
    for (const [size, width] of Object.entries(WIDTHS))
      for (const colorScheme of SCHEMES)
        all[`${name} is accessible, ${size}, ${colorScheme}`] = () =>
          runCase(browser, base, (page) => checkPage(page, path), { viewport: { width, height: 800 }, colorScheme });
  return all;
}

async function takeScreenshots(browser, base, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, path] of Object.entries(PHOTOGRAPHED))
    for (const [size, width] of Object.entries({ wide: 1280, narrow: 390 }))
      for (const colorScheme of SCHEMES) {
        const { page, close } = await openPage(browser, base, { viewport: { width, height: 900 }, colorScheme });
        await page.goto(path);
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: name !== "fleet" });
        await close();
      }
}

function writeJunit(file, results) {
  const text = (value) => value.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\x20-\x7e\n]/g, "?");
  const lines = results.map(({ name, error }) =>
    `<testcase name="${text(name)}">${error ? `<failure>${text(String(error))}</failure>` : ""}</testcase>\n`);
  const failed = results.filter(({ error }) => error).length;
  writeFileSync(file, `<testsuite name="browser" tests="${results.length}" failures="${failed}">\n${lines.join("")}</testsuite>\n`);
}

/** Runs one test and prints what became of it. */
async function runOne([name, work]) {
  const error = await work().then(() => null, (thrown) => thrown);
  console.log(`${error ? "not ok" : "ok"} - ${name}`);
  if (error) console.log(String(error.stack ?? error).replace(/^/gm, "    "));
  return { name, error };
}

async function runAll(all) {
  const left = Object.entries(all).filter(([name]) => name.includes(options.k));
  const results = [];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) results.push(await runOne(next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

const servers = await startServers(options.exporter, options.lab);
try {
  // Debian's own; as root it has no sandbox of its own.
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
  try {
    const results = await runAll(tests(browser, servers.base));
    if (options.screenshots) await takeScreenshots(browser, servers.base, options.screenshots);
    if (options.junit) writeJunit(options.junit, results);
    process.exitCode = results.length > 0 && results.every(({ error }) => !error) ? 0 : 1;
  } finally {
    await browser.close();
  }
} finally {
  await servers.stop();
}

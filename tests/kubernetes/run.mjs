// The manifests of packaging/kubernetes: against the schemas of Kubernetes and the Prometheus Operator, against each other,
// and, spoilt in one place each, as a test of these tests. Prints a line per test.
// Usage: node run.mjs [--junit FILE]
// What the schemas leave to the API server (CEL rules, admission) nobody checks here; the exporter's configuration and
// Prometheus' are checked by tests/docs.
// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseAllDocuments } from "yaml";
import { folderFaults } from "./folder.mjs";
import { schemaFaults } from "./schemas.mjs";
import { wrong } from "./wrong.mjs";

const { values: options } = parseArgs({ options: { junit: { type: "string" } } });
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../packaging/kubernetes");
const FOLDERS = readdirSync(ROOT).sort();
const NO_MANIFESTS = ["kustomization.yaml", "prometheus.example.yaml"];

/** The texts of a folder by name: its own, and those for the Operator. */
function textsOf(folder) {
  const names = ["", "operator"].flatMap((below) => readdirSync(join(ROOT, folder, below)).map((name) => join(below, name)));
  return Object.fromEntries(names.filter((name) => name.endsWith(".yaml")).map((name) => [name, readFileSync(join(ROOT, folder, name), "utf8")]));
}

/** The documents of a text. Errors: thrown, also for a key that is there twice. */
function documentsOf(text) {
  return parseAllDocuments(text, { prettyErrors: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

const manifestFiles = (texts) => Object.keys(texts).filter((name) => !NO_MANIFESTS.includes(name));

async function fileFaults(text) {
  const faults = await Promise.all(documentsOf(text).map(schemaFaults));
  return faults.flat();
}

function fittingFaults(texts) {
  const files = manifestFiles(texts);
  const one = (name) => documentsOf(texts[name])[0];
  return folderFaults({
    manifests: files.flatMap((name) => documentsOf(texts[name])),
    plain: files.filter((name) => !name.startsWith("operator/")),
    kustomization: one("kustomization.yaml"), prometheus: one("prometheus.example.yaml"),
  });
}

/** That a mistake is noticed: by the schema of its file, or else because the folder does not fit together. */
async function checkMistake([folder, file, becomes, was, fault]) {
  const texts = textsOf(folder);
  const spoilt = texts[file].replace(was, () => becomes);
  assert.notEqual(spoilt, texts[file], `${file} has no '${was}'`);
  let faults = NO_MANIFESTS.includes(file) ? [] : await fileFaults(spoilt);
  if (faults.length === 0) faults = fittingFaults({ ...texts, [file]: spoilt });
  assert.ok(faults.some((line) => line.includes(fault)), `expected '${fault}', found ${JSON.stringify(faults)}`);
}

/** Every test by name. */
function tests() {
  const all = {};
  for (const folder of FOLDERS) {
    const texts = textsOf(folder);
    for (const file of manifestFiles(texts))
      all[`${folder}/${file} is as its schema says`] = async () => assert.deepEqual(await fileFaults(texts[file]), []);
    all[`${folder}: the manifests fit each other`] = () => assert.deepEqual(fittingFaults(texts), []);
  }
  for (const [name, mistake] of Object.entries(wrong)) all[`noticed: ${name}`] = () => checkMistake(mistake);
  return all;
}

function writeJunit(file, results) {
  const text = (value) => value.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\x20-\x7e\n]/g, "?");
  const lines = results.map(({ name, error }) =>
    `<testcase name="${text(name)}">${error ? `<failure>${text(String(error))}</failure>` : ""}</testcase>\n`);
  const failed = results.filter(({ error }) => error).length;
  writeFileSync(file, `<testsuite name="kubernetes" tests="${results.length}" failures="${failed}">\n${lines.join("")}</testsuite>\n`);
}

const results = [];
for (const [name, work] of Object.entries(tests())) {
  const error = await Promise.resolve().then(work).then(() => null, (thrown) => thrown);
  console.log(`${error ? "not ok" : "ok"} - ${name}`);
  if (error) console.log(String(error.stack ?? error).replace(/^/gm, "    "));
  results.push({ name, error });
}
if (options.junit) writeJunit(options.junit, results);
process.exitCode = results.length > 0 && results.every(({ error }) => !error) ? 0 : 1;

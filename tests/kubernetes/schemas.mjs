// What the schemas of Kubernetes and of the Prometheus Operator say of a manifest. They come from npm as functions that ajv
// made of them (kubernetes-models), and let keys that they do not know pass; here a key that none of them asked for is a
// fault, as it is for `kubectl apply --validate=strict`.
// Next: folder.mjs for what no schema sees.
// SPDX-License-Identifier: Apache-2.0

/** The module of a kind, null when nobody has a schema for it. */
function schemaOf({ apiVersion, kind }) {
  const library = /^monitoring\.coreos\.com\//.test(apiVersion) ? "@kubernetes-models/prometheus-operator" : "kubernetes-models";
  return import(`${library}/${apiVersion}/${kind}`).then((module) => module[kind], () => null);
}

/** A copy of a value that notes which of its keys are read. Input: `unread` gets a function that lists the others. */
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const copy = Array.isArray(value) ? [] : {};
  for (const key of Object.keys(value)) copy[key] = watched(value[key], `${path}/${key}`, unread);
  if (Array.isArray(value)) return copy;
  const read = new Set();
  unread.push(() => Object.keys(value).filter((key) => !read.has(key)).map((key) => `${path}/${key}`));
  return new Proxy(copy, {
    get(target, key) {
      read.add(key);
      return target[key];
    },
  });
}

/** The faults of one manifest, as lines. */
export async function schemaFaults(manifest) {
  const schema = await schemaOf(manifest);
  if (!schema) return [`there is no schema for ${manifest.apiVersion} ${manifest.kind}`];
  const unread = [];
  const faults = [];
  try {
    schema.prototype.validate.call(watched(manifest, "", unread));
  } catch (error) {
    faults.push(...error.message.split(", data").map((line) => line.replace(/^data/, "")));
  }
  return faults.concat(unread.flatMap((list) => list()).map((path) => `${path}: no such key`));
}

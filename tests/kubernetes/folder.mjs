// What no schema sees: that the manifests of a folder fit each other, and that a container may do no more than it must.
// Next: wrong.mjs, which shows that each fault is noticed.
// SPDX-License-Identifier: Apache-2.0

const WORKLOADS = ["StatefulSet", "Deployment"];

const all = (folder, ...kinds) => folder.manifests.filter(({ kind }) => kinds.includes(kind));
const named = (folder, kind, name) => all(folder, kind).find(({ metadata }) => metadata.name === name);
const container = (workload) => workload.spec.template.spec.containers[0];
const selects = (labels, have) => Object.entries(labels).every(([key, value]) => have?.[key] === value);

/** The labels that a manifest picks pods or Services by, null when it picks none. */
function selectorOf({ kind, spec }) {
  if (kind === "Service") return spec.selector;
  if (kind === "NetworkPolicy") return spec.podSelector.matchLabels;
  return spec?.selector?.matchLabels ?? null;
}

function* selectorFaults(folder) {
  for (const manifest of folder.manifests) {
    const selector = selectorOf(manifest);
    if (!selector) continue;
    const have = manifest.kind === "ServiceMonitor" ? all(folder, "Service").map(({ metadata }) => metadata.labels)
      : all(folder, ...WORKLOADS).map(({ spec }) => spec.template.metadata.labels);
    if (!have.some((labels) => selects(selector, labels))) yield `${manifest.kind} ${manifest.metadata.name} selects nothing`;
  }
}

function* portFaults(folder) {
  const ports = all(folder, ...WORKLOADS).flatMap((workload) => container(workload).ports.map(({ name }) => name));
  const used = all(folder, "Service").flatMap(({ spec }) => spec.ports.map(({ targetPort }) => targetPort));
  for (const { spec } of all(folder, "NetworkPolicy")) used.push(...spec.ingress.flatMap((rule) => rule.ports.map(({ port }) => port)));
  for (const { spec } of all(folder, "ServiceMonitor", "PodMonitor")) used.push(...(spec.endpoints ?? spec.podMetricsEndpoints).map(({ port }) => port));
  for (const workload of all(folder, ...WORKLOADS))
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"])
      if (container(workload)[probe]) used.push(container(workload)[probe].httpGet.port);
  for (const port of used) if (!ports.includes(port)) yield `no container has a port ${port}`;
}

function* volumeFaults(folder) {
  for (const { spec } of all(folder, ...WORKLOADS)) {
    const { volumes, containers } = spec.template.spec;
    const there = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(({ name }) => name);
    for (const { name } of containers[0].volumeMounts) if (!there.includes(name)) yield `no volume ${name}`;
    for (const { configMap } of volumes)
      if (configMap && !named(folder, "ConfigMap", configMap.name)) yield `no ConfigMap ${configMap.name}`;
  }
}

function* shardFaults(folder) {
  for (const workload of all(folder, "StatefulSet")) {
    const { replicas, serviceName } = workload.spec;
    const { args, env } = container(workload);
    if (!args.includes(`--sharding.count=${replicas}`)) yield `--sharding.count is not the number of replicas, ${replicas}`;
    if (!args.includes("--sharding.index=$(POD_NAME)")) yield "--sharding.index is not the pod's name";
    if (!env.some(({ name, valueFrom }) => name === "POD_NAME" && valueFrom?.fieldRef?.fieldPath === "metadata.name"))
      yield "POD_NAME is not the pod's name";
    if (named(folder, "Service", serviceName)?.spec.clusterIP !== "None") yield `no headless Service ${serviceName}`;
    const targets = folder.prometheus.scrape_configs.flatMap((job) => (job.static_configs ?? []).flatMap((group) => group.targets));
    if (targets.length !== replicas) yield `prometheus.example.yaml does not name ${replicas} shards`;
  }
}

/** Beyond what the Pod Security Standard "restricted" asks for: a root file system that cannot be written. */
function* securityFaults(folder) {
  for (const { spec } of all(folder, ...WORKLOADS)) {
    const pod = spec.template.spec;
    const { securityContext: own, resources } = pod.containers[0];
    const strict = pod.securityContext?.runAsNonRoot === true && pod.securityContext.runAsUser > 0
      && pod.securityContext.seccompProfile?.type === "RuntimeDefault" && pod.automountServiceAccountToken === false
      && own?.allowPrivilegeEscalation === false && own.readOnlyRootFilesystem === true && own.capabilities?.drop?.includes("ALL");
    if (!strict) yield "the container may do more than it must";
    if (!resources?.requests?.cpu || !resources.requests.memory || !resources.limits?.memory) yield "no bounds on what it takes";
  }
}

function* kustomizationFaults(folder) {
  const { resources, images } = folder.kustomization;
  for (const name of folder.plain) if (!resources.includes(name)) yield `kustomization.yaml does not name ${name}`;
  for (const name of resources) if (!folder.plain.includes(name)) yield `kustomization.yaml names ${name}, which is not there`;
  for (const workload of all(folder, ...WORKLOADS))
    if (!images.some(({ name }) => name === container(workload).image)) yield `kustomization.yaml has no image ${container(workload).image}`;
}

const CHECKS = [selectorFaults, portFaults, volumeFaults, shardFaults, securityFaults, kustomizationFaults];

/** Input: `manifests` of all files, the names of those that are no resources of the Operator (`plain`), `kustomization`
    and `prometheus`, the example of a configuration. */
export const folderFaults = (folder) => CHECKS.flatMap((check) => [...check(folder)]);

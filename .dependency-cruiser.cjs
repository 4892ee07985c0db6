/** Which folder may import which: the arrows of docs/ARCHITECTURE.md as rules. */
const no = (name, from, to, pathNot) => ({
  name,
  severity: "error",
  from: { path: from },
  to: pathNot ? { path: to, pathNot } : { path: to },
});

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "a cycle of types alone is no cycle: it is gone when the program runs",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "simulation-has-no-builtins",
      severity: "error",
      from: { path: "^src/(core|frr|protocols|nodes|console|lab)/|^scenarios/" },
      to: { dependencyTypes: ["core"] },
    },
    no("core-is-the-bottom", "^src/core/", "^src/(?!core/)|^(scenarios|test|bench)/"),
    no("frr-knows-only-core", "^src/frr/", "^src/(?!core/|frr/)|^(scenarios|test|bench)/"),
    no("protocols-know-only-core", "^src/protocols/", "^src/(?!core/|frr/|protocols/)|^(scenarios|test|bench)/"),
    no("codecs-and-machines-know-no-frr", "^src/protocols/[^/]+/(wire|machine)\\.ts$", "^src/frr/"),
    no(
      "wire-knows-only-wire",
      "^src/protocols/[^/]+/wire\\.ts$",
      "^src/protocols/.*/(machine|daemon)\\.ts$|^src/core/os\\.ts$|node_modules",
    ),
    no(
      "a-protocol-minds-its-own",
      "^src/protocols/([^/]+)/(machine|daemon)\\.ts$",
      "^src/protocols/",
      "^src/protocols/$1/|/wire\\.ts$",
    ),
    no("a-machine-has-no-os", "^src/protocols/[^/]+/machine\\.ts$", "^src/core/os\\.ts$|/daemon\\.ts$"),
    no("nodes-below-console", "^src/nodes/", "^src/(console|lab|report|gateway|cli)/|^(scenarios|test|bench)/"),
    no("console-below-lab", "^src/console/", "^src/(lab|report|gateway|cli)/"),
    no("lab-below-the-tools", "^src/lab/", "^src/(report|gateway|cli)/"),
    no("gateway-touches-nodes", "^src/gateway/", "^src/(?!core/|nodes/|gateway/|protocols/[^/]+/wire)"),
    no(
      "report-reads-only-bytes",
      "^src/report/",
      "^src/(nodes|console|lab|gateway|cli)/|^src/protocols/[^/]+/(machine|daemon)",
    ),
    no("scenarios-use-the-lab", "^scenarios/", "^src/(?!lab/)"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default"] },
  },
};

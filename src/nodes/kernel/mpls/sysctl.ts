import { LABEL_MAX } from "../../../protocols/mpls/wire.ts";
import type { Kernel } from "../kernel.ts";
import { directory, INT_MAX, INT_MIN, type Range, type SysctlDirectory, setting } from "../sysctl-values.ts";

const SWITCH: Range = [0, 1];
const INT: Range = [INT_MIN, INT_MAX];

/** `net.mpls` (net/mpls/af_mpls.c:mpls_table, mpls_dev_table). */
export function mplsSettings(kernel: Kernel): SysctlDirectory {
  const field = (name: "ip_ttl_propagate" | "default_ttl" | "ip_errors", range: Range) =>
    setting({ get: () => kernel.mpls[name], set: (value) => (kernel.mpls[name] = value), range: () => range });
  const platformLabels = setting({
    get: () => kernel.mpls.routes.limit,
    set: (value) => kernel.mpls.routes.resize(value),
    range: () => [0, LABEL_MAX],
  });
  return directory({
    conf: {
      kind: "directory",
      names: () =>
        [...kernel.devices()]
          .filter(speaks)
          .map((dev) => dev.name)
          .sort(),
      child: (name) => deviceSettings(kernel, name),
    },
    default_ttl: field("default_ttl", [1, 255]),
    ip_errors: field("ip_errors", SWITCH),
    ip_ttl_propagate: field("ip_ttl_propagate", SWITCH),
    platform_labels: platformLabels,
  });
}

const speaks = (dev: { readonly headerLength: number }): boolean => dev.headerLength > 0;

function deviceSettings(kernel: Kernel, name: string): SysctlDirectory | undefined {
  const dev = kernel.device(name);
  if (dev === undefined || !speaks(dev)) return undefined;
  const m = kernel.mpls.device(dev);
  return directory({ input: setting({ get: () => m.input, set: (value) => (m.input = value), range: () => INT }) });
}

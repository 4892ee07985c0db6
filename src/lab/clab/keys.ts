/** The keys of a topology file that netloom knows. Every other one is refused by name. */

const set = (words: string): ReadonlySet<string> => new Set(words.split(" "));

/** `mgmt` is left out openly; `settings` and `debug` are about containerlab itself, `prefix` about container names. */
export const TOP_KEYS = set("name prefix topology mgmt settings debug");
export const TOPOLOGY_KEYS = set("defaults kinds groups nodes links");
export const LINK_KEYS = set("endpoints type mtu labels vars ipv4 ipv6");
export const END_KEYS = set("node interface mac ipv4 ipv6 vars");
export const CONFIG_KEYS = set("vars");

/** What a node, group, kind or the defaults may say that has an effect here. */
const EFFECTIVE = "kind group binds exec sysctls config network-mode";
/** The management network, which is left out openly. */
export const MGMT_KEYS = ["mgmt-ipv4", "mgmt-ipv6"] as const;
/** What is about containers and the machine they run on. `image` too: binds tell which daemons run. */
const WITHOUT_EFFECT =
  "image image-pull-policy restart-policy auto-remove startup-delay position hostname entrypoint cmd user env env-files " +
  "labels ports volumes devices runtime memory cpu cpu-set shm-size cap-add privileged cgroupns-mode cgroup-parent " +
  "pid-mode tmpfs security-opts credentials username password aliases dns healthcheck link-apply-mode";
export const NODE_KEYS = set(`${EFFECTIVE} ${MGMT_KEYS.join(" ")} ${WITHOUT_EFFECT}`);

/** netloom's own, under `vars.netloom` of a link and of an end of a link. */
export const LINE_KEYS = set("rate delay jitter loss duplicate corrupt reorder queue");
/** Under `config.vars.netloom` of the defaults, and of kinds, groups and nodes. */
export const LAB_VARS = set("seed capture schedule service-time");
export const NODE_VARS = set("service-time");
/** Of an entry of the schedule. */
export const EVENT_ACTIONS = set("down up cut mend tune power-off power-on exec");

/** Link types, in either form, that need a world outside the lab. */
export const FOREIGN_LINKS = set("veth-stitch mgmt-net macvlan host vxlan vxlan-stitch dummy bridge");

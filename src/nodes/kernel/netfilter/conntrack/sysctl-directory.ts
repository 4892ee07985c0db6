import { done, refused } from "../../../../core/errno.ts";
import type { Kernel } from "../../kernel.ts";
import {
  directory,
  INT_MAX,
  type Range,
  type SysctlDirectory,
  type SysctlSetting,
  setting,
} from "../../sysctl-values.ts";
import { netfilter } from "../hooks.ts";
import { ConntrackSysctl } from "./sysctl.ts";

const OCTET: Range = [0, 255];
const NATURAL: Range = [0, INT_MAX];
/** Times in seconds, below what simulated time can hold. */
const SECONDS: Range = [0, 4_000_000];

/** net/netfilter/nf_conntrack_standalone.c:nf_ct_sysctl_table; what is not here is a time. */
const RANGES: Readonly<Partial<Record<keyof ConntrackSysctl, Range>>> = {
  nf_conntrack_acct: [0, 1],
  nf_conntrack_checksum: [0, 1],
  nf_conntrack_events: [0, 2],
  nf_conntrack_expect_max: [1, INT_MAX],
  nf_conntrack_log_invalid: OCTET,
  nf_conntrack_max: NATURAL,
  nf_conntrack_tcp_be_liberal: [0, 1],
  nf_conntrack_tcp_ignore_invalid_rst: [0, 1],
  nf_conntrack_tcp_loose: [0, 1],
  nf_conntrack_tcp_max_retrans: OCTET,
  nf_conntrack_timestamp: [0, 1],
};

/** Settings of what is not built (IPv6, SCTP), and the size of a table that grows by itself: they can be read, not changed. */
const FIXED: Readonly<Record<string, number>> = {
  nf_conntrack_buckets: 262_144,
  nf_conntrack_frag6_high_thresh: 4_194_304,
  nf_conntrack_frag6_low_thresh: 3_145_728,
  nf_conntrack_frag6_timeout: 60,
  nf_conntrack_icmpv6_timeout: 30,
  nf_conntrack_sctp_timeout_closed: 10,
  nf_conntrack_sctp_timeout_cookie_echoed: 3,
  nf_conntrack_sctp_timeout_cookie_wait: 3,
  nf_conntrack_sctp_timeout_established: 210,
  nf_conntrack_sctp_timeout_heartbeat_sent: 30,
  nf_conntrack_sctp_timeout_shutdown_ack_sent: 3,
  nf_conntrack_sctp_timeout_shutdown_recd: 3,
  nf_conntrack_sctp_timeout_shutdown_sent: 3,
};

/** `net.netfilter` below /proc/sys. What is written is obeyed from the next packet on. */
export function conntrackSettings(kernel: Kernel): SysctlDirectory {
  const files: Record<string, SysctlSetting> = {
    nf_conntrack_count: readOnly(() => netfilter(kernel).conntrack.table.count),
  };
  for (const [name, value] of Object.entries(FIXED)) files[name] = readOnly(() => value);
  for (const key of Object.keys(new ConntrackSysctl()) as (keyof ConntrackSysctl)[]) {
    files[key] = setting({
      get: () => netfilter(kernel).conntrack.sysctl[key],
      set: (value) => netfilter(kernel).conntrack.set(key, value),
      range: () => RANGES[key] ?? SECONDS,
    });
  }
  return directory(files);
}

/** A number that nobody may change; to write what it is anyway changes nothing. */
const readOnly = (read: () => number): SysctlSetting => ({
  kind: "setting",
  read: () => String(read()),
  write: (text) => (text.trim() === String(read()) ? done : refused("EOPNOTSUPP")),
});

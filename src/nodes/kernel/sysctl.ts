import { TcpDefaults } from "../../protocols/tcp/settings.ts";
import { DeviceConf, NeighParms } from "./in-device.ts";

/** `net.ipv4.*` and `net.core.*` of one node, under Linux's names and with its defaults; those of TCP are inherited. Only settings that something obeys stand here. */
export class Sysctl extends TcpDefaults {
  // What every packet sent from here asks for stands first.
  ip_default_ttl = 64;
  ip_no_pmtu_disc = 0;

  readonly all = new DeviceConf();
  readonly default = new DeviceConf();
  readonly neighDefault = new NeighParms();

  ip_forward_use_pmtu = 0;
  ip_nonlocal_bind = 0;
  min_pmtu = 552;
  mtu_expires_s = 600;
  fib_multipath_hash_policy = 0;

  icmp_echo_ignore_all = 0;
  icmp_echo_ignore_broadcasts = 1;
  icmp_ignore_bogus_error_responses = 1;
  icmp_errors_use_inbound_ifaddr = 0;
  /** Milliseconds between two errors to one destination, for the types in the mask. */
  icmp_ratelimit = 1000;
  icmp_ratemask = 6168;
  icmp_msgs_per_sec = 1000;
  icmp_msgs_burst = 50;
  /** What one "unreachable" costs of the time that a host has saved up, and how much it may save (`net.ipv4.route.error_*`). */
  route_error_cost_ms = 1000;
  route_error_burst_ms = 5000;
  redirect_load_ms = 20;
  redirect_number = 9;
  redirect_silence_ms = 20_480;

  ipfrag_high_thresh = 4 * 1024 * 1024;
  /** As on Linux, no more than a lower limit of the other. */
  ipfrag_low_thresh = 3 * 1024 * 1024;
  ipfrag_time = 30;
  ipfrag_max_dist = 64;

  ip_local_port_range_low = 32_768;
  ip_local_port_range_high = 60_999;
  netdev_max_backlog = 1000;
  /** SO_SNDBUF of a socket, in octets of `truesize`. */
  wmem_default = 212_992;

  constructor() {
    super();
    this.all.accept_source_route = 0;
  }
}

/** `net.ipv4.tcp_*` under Linux's names, units and meanings (Documentation/networking/ip-sysctl.rst), as far as something obeys them. */
export interface TcpSettings {
  // What is offered to the peer.
  tcp_sack: number;
  tcp_dsack: number;
  tcp_timestamps: number;
  tcp_window_scaling: number;
  /** 0: never; 1: ask for it and grant it; 2: grant it. */
  tcp_ecn: number;
  /** A SYN that asks for ECN and is not answered is repeated without (RFC 3168 §6.1.1.1). */
  tcp_ecn_fallback: number;

  // Buffers: least, default and most octets.
  tcp_rmem: readonly [number, number, number];
  tcp_wmem: readonly [number, number, number];
  /** `net.core.rmem_max`: the scale of windows is chosen for it too. */
  rmem_max: number;
  tcp_moderate_rcvbuf: number;
  tcp_app_win: number;
  /** Octets of one connection that may lie in queues of this node. */
  tcp_limit_output_bytes: number;

  // Times, counts and limits.
  tcp_syn_retries: number;
  tcp_synack_retries: number;
  /** SYNs repeated at even intervals before the interval doubles. */
  tcp_syn_linear_timeouts: number;
  tcp_retries1: number;
  tcp_retries2: number;
  tcp_orphan_retries: number;
  tcp_rto_min_us: number;
  tcp_rto_max_ms: number;
  /** Seconds. */
  tcp_fin_timeout: number;
  tcp_keepalive_time: number;
  tcp_keepalive_intvl: number;
  tcp_keepalive_probes: number;
  tcp_min_rtt_wlen: number;
  tcp_max_tw_buckets: number;
  /** 0: never; 1: a waiting pair of ports is used again after a second when timestamps allow; 2: on loopback only. */
  tcp_tw_reuse: number;
  tcp_rfc1337: number;
  tcp_max_syn_backlog: number;
  /** 0: none; 1: when the backlog is full; 2: always. */
  tcp_syncookies: number;
  tcp_abort_on_overflow: number;
  /** `net.core.somaxconn`. */
  somaxconn: number;
  /** Challenge ACKs of the whole node in a second; 2147483647: no limit. */
  tcp_challenge_ack_limit: number;
  /** Milliseconds between two answers of one connection to segments that are out of its window. */
  tcp_invalid_ratelimit: number;

  // Loss and congestion.
  tcp_congestion_control: string;
  tcp_slow_start_after_idle: number;
  tcp_reordering: number;
  tcp_max_reordering: number;
  /** Bit 0: RACK (RFC 8985); 1: its reordering window is fixed; 2: duplicate ACKs do not shorten it. 0: RFC 6675. */
  tcp_recovery: number;
  /** 3: tail loss probes (RFC 8985 §7). */
  tcp_early_retrans: number;
  tcp_frto: number;
  /** Percentage of the sending rate on which the limit of octets in local queues is based, in slow start and after. */
  tcp_pacing_ss_ratio: number;
  tcp_pacing_ca_ratio: number;

  // Path MTU (RFC 4821).
  tcp_mtu_probing: number;
  tcp_base_mss: number;
  tcp_mtu_probe_floor: number;
  tcp_min_snd_mss: number;
  tcp_probe_threshold: number;
  tcp_probe_interval: number;

  tcp_workaround_signed_windows: number;
}

/** What Linux begins with. */
export const TCP_DEFAULTS: Readonly<TcpSettings> = {
  tcp_sack: 1,
  tcp_dsack: 1,
  tcp_timestamps: 1,
  tcp_window_scaling: 1,
  tcp_ecn: 2,
  tcp_ecn_fallback: 1,
  tcp_rmem: [4096, 131_072, 6_291_456],
  tcp_wmem: [4096, 16_384, 4_194_304],
  rmem_max: 212_992,
  tcp_moderate_rcvbuf: 1,
  tcp_app_win: 31,
  tcp_limit_output_bytes: 1_048_576,
  tcp_syn_retries: 6,
  tcp_synack_retries: 5,
  tcp_syn_linear_timeouts: 0,
  tcp_retries1: 3,
  tcp_retries2: 15,
  tcp_orphan_retries: 0,
  tcp_rto_min_us: 200_000,
  tcp_rto_max_ms: 120_000,
  tcp_fin_timeout: 60,
  tcp_keepalive_time: 7200,
  tcp_keepalive_intvl: 75,
  tcp_keepalive_probes: 9,
  tcp_min_rtt_wlen: 300,
  tcp_max_tw_buckets: 131_072,
  tcp_tw_reuse: 2,
  tcp_rfc1337: 0,
  tcp_max_syn_backlog: 2048,
  tcp_syncookies: 1,
  tcp_abort_on_overflow: 0,
  somaxconn: 4096,
  tcp_challenge_ack_limit: 0x7fffffff,
  tcp_invalid_ratelimit: 500,
  tcp_congestion_control: "cubic",
  tcp_slow_start_after_idle: 1,
  tcp_reordering: 3,
  tcp_max_reordering: 300,
  tcp_recovery: 1,
  tcp_early_retrans: 3,
  tcp_frto: 2,
  tcp_pacing_ss_ratio: 200,
  tcp_pacing_ca_ratio: 120,
  tcp_mtu_probing: 0,
  tcp_base_mss: 1024,
  tcp_mtu_probe_floor: 48,
  tcp_min_snd_mss: 48,
  tcp_probe_threshold: 8,
  tcp_probe_interval: 600,
  tcp_workaround_signed_windows: 0,
};

/** A class whose objects have these defaults by inheritance: who changes none of them keeps none of them. */
export const TcpDefaults: new () => TcpSettings = (() => {
  class Defaults {}
  Object.setPrototypeOf(Defaults.prototype, TCP_DEFAULTS);
  return Defaults as new () => TcpSettings;
})();

/** `net.netfilter.*` of one node, under Linux's names and with its defaults; times in seconds. Only settings that something obeys. */
export class ConntrackSysctl {
  nf_conntrack_acct = 0;
  nf_conntrack_checksum = 1;
  /** 0 tells nobody of flows, 1 everybody who listens, 2 too. */
  nf_conntrack_events = 2;
  nf_conntrack_expect_max = 4096;
  nf_conntrack_generic_timeout = 600;
  nf_conntrack_gre_timeout = 30;
  nf_conntrack_gre_timeout_stream = 180;
  nf_conntrack_icmp_timeout = 30;
  /** 255 traces every packet that fits no flow, a protocol number those of that protocol. */
  nf_conntrack_log_invalid = 0;
  nf_conntrack_max = 262_144;
  nf_conntrack_tcp_be_liberal = 0;
  nf_conntrack_tcp_ignore_invalid_rst = 0;
  nf_conntrack_tcp_loose = 1;
  nf_conntrack_tcp_max_retrans = 3;
  nf_conntrack_tcp_timeout_close = 10;
  nf_conntrack_tcp_timeout_close_wait = 60;
  nf_conntrack_tcp_timeout_established = 432_000;
  nf_conntrack_tcp_timeout_fin_wait = 120;
  nf_conntrack_tcp_timeout_last_ack = 30;
  nf_conntrack_tcp_timeout_max_retrans = 300;
  nf_conntrack_tcp_timeout_syn_recv = 60;
  nf_conntrack_tcp_timeout_syn_sent = 120;
  nf_conntrack_tcp_timeout_time_wait = 120;
  nf_conntrack_tcp_timeout_unacknowledged = 300;
  /** Keeps when flows begin. */
  nf_conntrack_timestamp = 0;
  nf_conntrack_udp_timeout = 30;
  nf_conntrack_udp_timeout_stream = 120;
}
export type ConntrackSetting = keyof ConntrackSysctl;

import { done, type Outcome, refused } from "../../core/errno.ts";
import type { TcpOptions } from "../../core/tcp-socket.ts";
import { MS, S } from "../../core/time.ts";
import type { TcpConnection } from "../../protocols/tcp/connection.ts";
import { Md5Signer } from "../../protocols/tcp/md5.ts";
import type { TcpSettings } from "../../protocols/tcp/settings.ts";
import { congestionControl } from "./tcp-congestion.ts";

/** The smallest buffers (include/net/sock.h:SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF). */
const SNDBUF_MIN = 4608;
const RCVBUF_MIN = 2304;

/** Gives a connection, which knows its peer, what the program has chosen (net/ipv4/tcp.c:do_tcp_setsockopt). ENOENT: no such congestion control. */
export function applyOptions(c: TcpConnection, o: TcpOptions, settings: TcpSettings): Outcome {
  const congestion = congestionControl(o.congestion ?? settings.tcp_congestion_control);
  if (o.congestion !== undefined && congestion.name !== o.congestion) return refused("ENOENT");
  c.congestion = congestion;
  c.noDelay = o.noDelay ?? false;
  c.keepAlive = o.keepAlive ?? false;
  if (o.keepIdleS !== undefined) c.keepIdle = o.keepIdleS * S;
  if (o.keepIntervalS !== undefined) c.keepInterval = o.keepIntervalS * S;
  if (o.keepCount !== undefined) c.keepCount = o.keepCount;
  if (o.maxSynRetries !== undefined) c.synRetries = o.maxSynRetries;
  if (o.rtoMaxMs !== undefined) c.rtoMax = o.rtoMaxMs * MS;
  if (o.maxSegment !== undefined) c.snd.userMss = o.maxSegment;
  if (o.sndbuf !== undefined) c.snd.buffer = Math.max(o.sndbuf, SNDBUF_MIN);
  if (o.rcvbuf !== undefined) c.rcv.buffer = Math.max(o.rcvbuf, RCVBUF_MIN);
  c.snd.bufferLocked = o.sndbuf !== undefined;
  c.rcv.bufferLocked = o.rcvbuf !== undefined;
  const key = o.md5?.(c.remoteAddress) ?? null;
  c.signer = key === null ? null : new Md5Signer(key);
  return done;
}

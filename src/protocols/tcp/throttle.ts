import { type Nanos, NEVER } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";

/** Octets that one large packet may have (GSO_MAX_SIZE): as much goes into the stack at once where the path is short. */
const BURST_MAX = 65_536;
/** A minimum round trip from which on a path is not short. */
const NEAR_MAX_US = 512 * 32;

/** TCP small queues: so much of a connection waits in its own node that more would only wait longer (`tcp_small_queue_check`). */
export function throttled(c: TcpConnection): boolean {
  const octets = c.local.octets(c.now);
  if (octets <= 2 * c.snd.mss || c.snd.sent.packetsOut <= 1) return false;
  const limit = outputLimit(c);
  if (octets <= limit) return false;
  resumeBelow(c, limit / 2);
  return true;
}

/** What the window lets out in a millisecond, but two bursts at least; bursts are larger on short paths (`tcp_tso_autosize`). */
function outputLimit(c: TcpConnection): number {
  const { snd, rtt, settings } = c;
  const rate = c.pacingRate() / 1024;
  const near = rtt.minUs < NEAR_MAX_US ? BURST_MAX >> (rtt.minUs >> 9) : 0;
  const burst = Math.max(Math.min(rate + near, BURST_MAX), 2 * snd.mss);
  return Math.min(Math.max(2 * burst, rate), settings.tcp_limit_output_bytes);
}

/** Goes on sending when no more than `limit` octets are left in local queues. */
function resumeBelow(c: TcpConnection, limit: number): void {
  const { local, timers } = c;
  const at: Nanos = local.below(limit);
  timers.resumeAt = at;
  local.onLeft = null;
  if (at !== NEVER) return;
  local.onLeft = () => {
    const known = local.below(limit);
    if (known === NEVER) return;
    local.onLeft = null;
    timers.resumeAt = Math.max(known, c.now);
    c.user.rearm();
  };
}

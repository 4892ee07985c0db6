import type { Packet } from "../../core/packet.ts";
import type { TcpConnection } from "./connection.ts";
import { OPTIONS_MAX, SACK_BLOCKS_MAX, TIMESTAMPS_LENGTH, writeSack, writeTimestamps } from "./wire.ts";

/** The options of segments other than SYNs: signature, timestamps, SACK blocks as many as fit (`tcp_established_options`). */

/** Octets of options on a segment that goes out now. `room`: a segment that is sent again may leave none for SACK blocks. */
export function optionBytes(c: TcpConnection, room = OPTIONS_MAX): number {
  const bytes = (c.timestampsOk ? TIMESTAMPS_LENGTH : 0) + (c.signer?.bytes ?? 0);
  const blocks = sackBlocks(c, bytes, room);
  return blocks > 0 ? bytes + 4 + 8 * blocks : bytes;
}

/** Writes `bytes` of them at `at`, all but the signature, for which room is left in front. A duplicate is told once. */
export function writeOptions(c: TcpConnection, p: Packet, at: number, bytes: number): void {
  const { sacks } = c.rcv;
  let next = at + (c.signer?.bytes ?? 0);
  if (c.timestampsOk) {
    writeTimestamps(p.buf, next, c.stamp(), c.rcv.tsRecent);
    next += TIMESTAMPS_LENGTH;
  }
  const blocks = (at + bytes - next - 4) >> 3;
  if (blocks <= 0) return;
  writeSack(p.buf, next, sacks.edges(), blocks);
  sacks.duplicate = false;
}

/** Blocks that fit behind `bytes` octets of other options, if all of them are to fit `room`. */
function sackBlocks(c: TcpConnection, bytes: number, room: number): number {
  const { total } = c.rcv.sacks;
  return total === 0
    ? 0
    : Math.max(0, Math.min(total, SACK_BLOCKS_MAX, (Math.min(room, OPTIONS_MAX) - bytes - 4) >> 3));
}

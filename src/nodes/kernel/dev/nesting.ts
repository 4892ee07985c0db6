import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { NetDevice } from "../netdev.ts";

/** Levels of devices that stand on one another, at most (`include/linux/netdevice.h`: `MAX_NEST_DEV`). */
const NESTING_MAX = 8;

/**
 * Whether `upper` may stand on `lower` (net/core/dev.c:__netdev_upper_dev_link): EBUSY when that closed a loop, EMLINK when
 * the tower grew too high. A device that is not registered yet is `undefined`: nothing stands on it.
 */
export function mayStandOn(lower: NetDevice, upper: NetDevice | undefined): Outcome {
  if (upper !== undefined && (lower === upper || standsOn(lower, upper))) return refused("EBUSY");
  const levels = levelsBelow(lower) + (upper === undefined ? 1 : levelsAbove(upper));
  return levels > NESTING_MAX ? refused("EMLINK") : done;
}

/** Whether `dev` stands on `other`, on whatever level. There are no loops, so the walk ends. */
const standsOn = (dev: NetDevice, other: NetDevice): boolean =>
  dev.lowers().some((lower) => lower === other || standsOn(lower, other));

const levelsBelow = (dev: NetDevice): number =>
  1 + dev.lowers().reduce((most, lower) => Math.max(most, levelsBelow(lower)), 0);

const levelsAbove = (dev: NetDevice): number =>
  1 + uppersOf(dev).reduce((most, upper) => Math.max(most, levelsAbove(upper)), 0);

function uppersOf(dev: NetDevice): readonly NetDevice[] {
  const { master } = dev;
  return [...(dev.vlans?.devices() ?? []), ...(master === undefined ? [] : [master])];
}

import type { NetDevice } from "./netdev.ts";

/** Devices of a node, at most. */
const DEVICES_MAX = 65_536;
/** IFNAMSIZ without the closing zero. */
const NAME_MAX = 15;

/** The devices of a node by number and by name, and the numbers and names that are free (net/core/dev.c). */
export class DeviceTable {
  readonly #byIndex: (NetDevice | undefined)[] = [undefined];
  readonly #byName = new Map<string, NetDevice>();
  /** The search for a free number begins here: numbers are not given out again before all were. */
  #nextIndex = 2;
  /** Lowest number that may be free, by name pattern (`eth%d`). */
  readonly #nextOfName = new Map<string, number>();

  /** Every device, by ifindex. */
  *all(): Generator<NetDevice> {
    for (const dev of this.#byIndex) if (dev !== undefined) yield dev;
  }
  /** The one of that name. */
  find(name: string): NetDevice | undefined {
    return this.#byName.get(name);
  }
  /** The one of that number. */
  at(ifindex: number): NetDevice | undefined {
    return this.#byIndex[ifindex];
  }

  add(dev: NetDevice): void {
    this.#byIndex[dev.ifindex] = dev;
    this.#byName.set(dev.name, dev);
  }
  remove(dev: NetDevice): void {
    this.#byIndex[dev.ifindex] = undefined;
    this.#byName.delete(dev.name);
    this.#nextOfName.clear();
  }
  /** `name` is free. */
  rename(dev: NetDevice, name: string): void {
    this.#byName.delete(dev.name);
    this.#nextOfName.clear();
    dev.name = name;
    this.#byName.set(name, dev);
  }

  /** net/core/dev.c:dev_index_reserve: the next number that no device has; 0 when there are too many. */
  freeIndex(): number {
    for (let tried = 1; tried < DEVICES_MAX; tried++) {
      const ifindex = this.#nextIndex;
      this.#nextIndex = ifindex + 1 < DEVICES_MAX ? ifindex + 1 : 1;
      if (this.#byIndex[ifindex] === undefined) return ifindex;
    }
    return 0;
  }

  /** The name that a device gets that is to be called `name`, used or not; undefined when it cannot be (net/core/dev.c:dev_valid_name). */
  nameFor(name: string): string | undefined {
    if (name.length === 0 || name.length > NAME_MAX || /[\s/:]/.test(name) || name === "." || name === "..")
      return undefined;
    if (!name.includes("%")) return name;
    if (!/^[^%]*%d[^%]*$/.test(name)) return undefined; // net/core/dev.c:__dev_alloc_name
    for (let i = this.#nextOfName.get(name) ?? 0; i < DEVICES_MAX; i++) {
      const candidate = name.replace("%d", String(i));
      if (this.#byName.has(candidate)) continue;
      this.#nextOfName.set(name, i);
      return candidate.length <= NAME_MAX ? candidate : undefined;
    }
    return undefined;
  }
}

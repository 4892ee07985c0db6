import type { Ipv4 } from "../../core/addr.ts";
import type { AddressHost } from "./addresses.ts";
import type { FibDevice } from "./fib/host.ts";
import type { ConfKey } from "./in-device.ts";
import type { Kernel } from "./kernel.ts";

/** What routing tables and addresses ask of their kernel. */
export class KernelFibHost implements AddressHost {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  device(ifindex: number): FibDevice | undefined {
    return this.#kernel.deviceByIndex(ifindex);
  }
  ignoresLinkdown(ifindex: number): boolean {
    return this.#either(ifindex, "ignore_routes_with_linkdown");
  }
  promotesSecondaries(ifindex: number): boolean {
    return this.#either(ifindex, "promote_secondaries");
  }
  routesLocalnet(ifindex: number): boolean {
    return this.#either(ifindex, "route_localnet");
  }
  selectSource(ifindex: number, dst: Ipv4, scope: number): Ipv4 {
    return this.#kernel.addresses.selectSource(ifindex, dst, scope);
  }
  answersChanged(): void {
    this.#kernel.ipv4.routes.invalidate();
  }

  /** The device's setting, or that of `all`. */
  #either(ifindex: number, key: ConfKey): boolean {
    return this.#kernel.deviceByIndex(ifindex)?.inet.or(key) ?? false;
  }
}

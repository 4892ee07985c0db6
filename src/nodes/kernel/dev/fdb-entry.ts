import type { Mac } from "../../../core/addr.ts";
import type { Nanos } from "../../../core/time.ts";
import type { BridgePort } from "./bridge-port.ts";

/** An entry as `bridge fdb show` tells of it. */
export interface FdbEntry {
  readonly mac: Mac;
  /** 0: learnt without VLAN filtering. */
  readonly vid: number;
  /** The port behind which the address is; null for the bridge itself. */
  readonly port: BridgePort | null;
  /** `permanent`: an address of this machine. */
  readonly local: boolean;
  readonly static: boolean;
  readonly sticky: boolean;
  readonly external: boolean;
  readonly offloaded: boolean;
  /** Added by hand. */
  readonly user: boolean;
  /** Time since it was last looked for, and last confirmed. */
  readonly usedNs: Nanos;
  readonly updatedNs: Nanos;
}

/** What `bridge fdb add|append|replace MAC dev PORT master …` asks for. */
export interface FdbRequest {
  readonly mac: Mac;
  /** 0: without a VLAN, and in every VLAN of the port. */
  readonly vid: number;
  /** `permanent` is an address of this machine, `static` does not age, `dynamic` does. */
  readonly kind: "permanent" | "static" | "dynamic";
  /** `add` refuses an entry that exists; `change` refuses one that does not. */
  readonly mode: "add" | "append" | "replace" | "change";
  readonly sticky?: boolean;
  /** As if the address had been heard on the port. */
  readonly use?: boolean;
  /** Learnt by a control plane: `extern_learn`. */
  readonly external?: boolean;
}

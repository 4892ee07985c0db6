import type { LocalServices } from "./os.ts";

/** The local services of one node: a table of names. */
export class LocalTable implements LocalServices {
  readonly #services = new Map<string, unknown>();

  provide(name: string, service: unknown): void {
    this.#services.set(name, service);
  }
  withdraw(name: string): void {
    this.#services.delete(name);
  }
  find<Service>(name: string): Service | undefined {
    return this.#services.get(name) as Service | undefined;
  }
  names(): Iterable<string> {
    return this.#services.keys();
  }
}

import type { Nanos } from "../../core/time.ts";

/** Conversations remembered at once; the oldest is forgotten for a new one. */
const CONVERSATIONS_MAX = 65_536;

/** Where both sides of a TCP connection began, as its first segment with an ACK told. */
export interface Conversation {
  seq: number;
  ack: number;
}

/** What a tcpdump remembers from frame to frame: TCP connections and the time of the first or last frame. */
export class TcpdumpState {
  /** The instant that `-ttt` and `-ttttt` count from. */
  reference: Nanos | undefined;
  readonly #conversations = new Map<string, Conversation>();

  find(key: string): Conversation | undefined {
    return this.#conversations.get(key);
  }
  remember(key: string, conversation: Conversation): void {
    if (this.#conversations.size >= CONVERSATIONS_MAX && !this.#conversations.has(key)) {
      const [oldest] = this.#conversations.keys();
      this.#conversations.delete(oldest as string);
    }
    this.#conversations.set(key, conversation);
  }
}

/** Holds the state, applies actions, tells who listens. */

import type { Action } from "./action.ts";
import { reduce } from "./reduce.ts";
import type { State } from "./state.ts";

export class Store {
  #state: State;
  readonly #listeners = new Set<(state: State) => void>();

  constructor(initial: State) {
    this.#state = initial;
  }

  dispatch(action: Action): void {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener(next);
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: (state: State) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get state(): State {
    return this.#state;
  }
}

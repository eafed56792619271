/** How long to wait before the next attempt to connect. */

const FIRST_MS = 1_000;
const LONGEST_MS = 15_000;

/**
 * Doubles from one second to fifteen. `random` (0..1) spreads the last half, so that the visitors of a server that
 * restarts do not all come back in the same instant.
 */
export function retryDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return Math.round(ceiling * (0.5 + random / 2));
}

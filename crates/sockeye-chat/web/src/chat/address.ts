/** The open room in the page's address: a link can be shared, and the back button goes back. */

export const address = {
  /** The room that the address names. */
  room: (): string | null => parse(location.hash),
  /** Names a room; the one before is a step back. */
  show(room: string): void {
    if (parse(location.hash) !== room) history.pushState(null, "", format(room));
  },
  /** Names a room in place of the one before. */
  replace(room: string): void {
    history.replaceState(null, "", format(room));
  },
  /** Calls `listener` when the person goes back or forward, or edits the address. */
  onChange(listener: (room: string | null) => void): void {
    window.addEventListener("popstate", () => listener(parse(location.hash)));
  },
};

export function format(room: string): string {
  return `#${encodeURIComponent(room)}`;
}

/** Whoever writes a link by hand need not encode it. */
export function parse(hash: string): string | null {
  const text = hash.replace(/^#/, "");
  let room: string;
  try {
    room = decodeURIComponent(text);
  } catch {
    room = text; // a percent sign of its own
  }
  return room.trim() === "" ? null : room.trim();
}

/** A coloured disc with the first character of a name. */

import type { JSX } from "preact";

export function Avatar({ name }: { readonly name: string }): JSX.Element {
  return (
    <span class="avatar" style={{ "--hue": hue(name) }} aria-hidden="true">
      {initial(name)}
    </span>
  );
}

/** By grapheme, so that an emoji or a composed letter stays whole. */
function initial(name: string): string {
  for (const { segment } of new Intl.Segmenter().segment(name)) return segment.toUpperCase();
  return "?";
}

/** The same name has the same colour on every screen. */
export function hue(name: string): number {
  let hash = 7;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  return (hash * 47) % 360;
}

/** Text whose web addresses can be clicked. Everything else stays text: nothing a peer sends becomes markup. */

import type { JSX } from "preact";

// Stops before the punctuation that usually ends a sentence, not an address; also before Chinese punctuation.
const ADDRESS = /(https?:\/\/[^\s<>"'，。！？；：、（）《》「」]*[^\s<>"'，。！？；：、（）《》「」.,!?;:)])/g;

export function Linked({ text }: { readonly text: string }): JSX.Element {
  // A pattern with one group makes `split` alternate: text, address, text, …
  const parts = text.split(ADDRESS);
  // A direction of its own: Hebrew reads well, and an override can't turn around what stands beside the text.
  return (
    <span class="text" dir="auto">
      {parts.map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
            {part}
          </a>
        ),
      )}
    </span>
  );
}

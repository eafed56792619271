/** Who is in the open room. */

import type { JSX } from "preact";
import type { Link, View } from "../state/state.ts";
import { Avatar } from "./avatar.tsx";
import { useTexts } from "./context.ts";

export function People({ view, link }: { readonly view: View; readonly link: Link }): JSX.Element {
  const texts = useTexts();
  const selfId = link.kind === "online" ? link.selfId : null;
  const known = view.membership === "member";
  return (
    <section aria-labelledby="people-title">
      <h2 id="people-title">
        {texts.people}
        {known && <span class="count">{view.people.length}</span>}
      </h2>
      <ul class={known ? "people" : "people stale"}>
        {view.people.map((person) => (
          <li key={person.id}>
            <Avatar name={person.name} />
            <span class="name">{person.name}</span>
            {person.id === selfId && <span class="quiet">{texts.you}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

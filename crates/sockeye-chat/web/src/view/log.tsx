/** The messages of a room, scrolled to the newest unless the reader has scrolled away. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Entry, View } from "../state/state.ts";
import { useTexts, why } from "./context.ts";
import { Icon } from "./icon.tsx";
import { MessageLine, NoticeLine } from "./line.tsx";

interface Props {
  readonly room: string;
  readonly view: View;
  readonly online: boolean;
}

/** Messages of one person within this time share one head. */
const GROUP_MS = 5 * 60_000;

export function Log({ room, view, online }: Props): JSX.Element {
  const texts = useTexts();
  const { box, behind, toEnd } = useStickToEnd(view.entries);
  return (
    <section class="log-area">
      <div class="log" role="log" aria-live="polite" aria-label={texts.log(room)} tabIndex={0} ref={box}>
        {view.entries.length === 0 && <Empty room={room} view={view} />}
        {view.entries.map((entry, index) =>
          entry.kind === "notice" ? (
            <NoticeLine key={entry.key} notice={entry} />
          ) : (
            <MessageLine
              key={entry.key}
              room={room}
              message={entry}
              first={!continues(view.entries[index - 1], entry)}
              last={!continues(entry, view.entries[index + 1])}
              online={online}
            />
          ),
        )}
      </div>
      {behind && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon name="down" />
          {texts.newMessages}
        </button>
      )}
      <p class={view.typing.length > 0 ? "typing on" : "typing"}>{texts.typing(view.typing.map((typist) => typist.person.name))}</p>
    </section>
  );
}

function Empty({ room, view }: { readonly room: string; readonly view: View }): JSX.Element {
  const texts = useTexts();
  const refused = view.membership === "refused" && view.refusal !== null;
  return (
    <div class="empty">
      <span class={refused ? "sign bad" : "sign"}>
        <Icon name={refused ? "alert" : "bubble"} />
      </span>
      {view.membership === "asking" && <p>{texts.joining(room)}…</p>}
      {view.refusal && refused && <p>{texts.cannotJoin(room, why(texts, view.refusal))}</p>}
      {view.membership === "member" && (
        <>
          <p class="big">{texts.empty}</p>
          <p>{texts.emptyHint}</p>
        </>
      )}
    </div>
  );
}

function continues(before: Entry | undefined, after: Entry | undefined): boolean {
  return (
    before?.kind === "message" &&
    after?.kind === "message" &&
    before.mine === after.mine &&
    before.from.name === after.from.name &&
    (before.mine || before.from.id === after.from.id) &&
    after.at - before.at < GROUP_MS
  );
}

/** Follows the end of the list while the reader is there; `behind` is true when something arrived further down. */
function useStickToEnd(entries: readonly Entry[]) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [behind, setBehind] = useState(false);
  const newest = entries[entries.length - 1];

  const toEnd = (): void => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
    atEnd.current = true;
    setBehind(false);
  };

  useLayoutEffect(() => {
    if (atEnd.current || (newest?.kind === "message" && newest.mine)) toEnd();
    else if (newest?.kind === "message") setBehind(true);
  }, [newest?.key]);

  // A line can also grow: by what the server says to a message it refuses.
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
  }, [entries]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onScroll = (): void => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 48;
      if (atEnd.current) setBehind(false);
    };
    // A keyboard that opens on a phone makes the box smaller; the newest message must stay in sight.
    const resized = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      resized.disconnect();
    };
  }, []);

  return { box, behind, toEnd };
}

/** Every text of the page; a language that misses one does not compile. */

export interface Texts {
  /** This language, in this language. */
  readonly language: string;
  readonly tagline: string;
  readonly yourName: string;
  readonly namePlaceholder: string;
  readonly enter: string;
  readonly changeName: string;
  readonly switchLanguage: string;

  readonly rooms: string;
  readonly openRooms: string;
  readonly closeRooms: string;
  readonly newRoom: string;
  readonly newRoomPlaceholder: string;
  readonly create: string;
  readonly leaveRoom: (room: string) => string;
  readonly joinRoom: (room: string) => string;
  readonly unread: (count: number) => string;

  readonly people: string;
  readonly peopleHere: (count: number) => string;
  readonly morePeople: (count: number) => string;
  readonly you: string;

  readonly log: (room: string) => string;
  readonly empty: string;
  readonly emptyHint: string;
  readonly joined: (names: readonly string[]) => string;
  readonly left: (names: readonly string[]) => string;
  readonly gap: (seconds: number) => string;
  readonly newMessages: string;

  readonly message: (room: string) => string;
  readonly composeHint: string;
  readonly send: string;
  readonly tooLong: (surplus: number) => string;
  /** Messages wait because they were written too fast; they need no care. */
  readonly paced: string;
  readonly typing: (names: readonly string[]) => string;
  readonly sending: string;
  readonly waiting: string;
  readonly failed: (why: string) => string;
  readonly retry: string;
  readonly discard: string;

  readonly connecting: string;
  readonly online: string;
  readonly offline: string;
  readonly roundTrip: (ms: number) => string;
  readonly lost: (seconds: number) => string;
  readonly reconnecting: string;
  readonly retryNow: string;
  readonly joining: (room: string) => string;
  readonly cannotJoin: (room: string, why: string) => string;

  readonly slowDown: (seconds: number) => string;
  /** Why the server said no, by its stable code; an unknown code shows the server's own words. */
  readonly refusals: Readonly<Record<string, string>>;
}

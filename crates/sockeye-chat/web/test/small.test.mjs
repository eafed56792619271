// The small pure parts: retry delays, language choice, character counts, links, texts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { format, parse } from "../src/chat/address.ts";
import { chars } from "../src/chat/contract.ts";
import { retryDelayMs } from "../src/chat/retry.ts";
import { en } from "../src/language/en.ts";
import { detectLanguage } from "../src/language/language.ts";
import { zh } from "../src/language/zh.ts";
import { why } from "../src/view/context.ts";
import { Linked } from "../src/view/linked.tsx";

test("retry delays double up to fifteen seconds", () => {
  const check = (attempt, random, expect) => assert.equal(retryDelayMs(attempt, random), expect);
  check(0, 0, 500);
  check(0, 1, 1_000);
  check(2, 1, 4_000);
  check(4, 1, 15_000);
  check(1_000, 0, 7_500);
});

test("the first language that we speak", () => {
  const check = (tags, expect) => assert.equal(detectLanguage(tags), expect, tags.join());
  check(["zh-TW"], "zh-CN");
  check(["fr-FR", "zh"], "zh-CN");
  check(["en-GB", "zh"], "en");
  check(["de"], "en");
  check([], "en");
});

test("a refusal is told in the reader's language if we know it", () => {
  const check = (refusal, expect) => assert.equal(why(en, refusal), expect);
  check({ code: "text-empty", message: "from the server" }, "the message is empty");
  check({ code: "slow-down", message: "from the server", data: { retry_after_ms: 1_200 } }, "that was too fast, wait 2 s");
  check({ code: "slow-down", message: "from the server" }, "from the server");
  check({ code: "constructor", message: "from the server" }, "from the server");
  check({ code: "new-code" }, "new-code");
});

test("a room's address leads back to it", () => {
  const check = (hash, expect) => assert.equal(parse(hash), expect, hash);
  for (const room of ["lobby", "a b", "小明的房间", "#rust", "50%", "a/b?c=d&e", "__proto__"]) check(format(room), room);
  check("", null);
  check("#", null);
  check("#%20", null);
  check("#小明", "小明");
  check("#50%", "50%");
});

test("several people are named, many are counted", () => {
  const check = (names, english, chinese) => {
    assert.equal(en.joined(names), english);
    assert.equal(zh.joined(names), chinese);
  };
  check(["Ada"], "Ada joined", "Ada 加入了房间");
  check(["Ada", "Bo"], "Ada and Bo joined", "Ada、Bo 加入了房间");
  check(["Ada", "Bo", "Cy"], "Ada, Bo and Cy joined", "Ada、Bo、Cy 加入了房间");
  check(["Ada", "Bo", "Cy", "Di", "Ed"], "Ada, Bo, Cy and 2 others joined", "Ada、Bo、Cy 等 5 人加入了房间");
});

test("characters are code points", () => {
  const check = (text, expect) => assert.equal(chars(text), expect, text);
  check("", 0);
  check("小明", 2);
  check("🐟", 1);
});

test("only web addresses become links", () => {
  const links = (text) =>
    Linked({ text })
      .props.children.filter((part) => typeof part !== "string")
      .map((part) => part.props.href);
  const check = (text, expect) => assert.deepEqual(links(text), expect, text);
  check("see https://a.example/x?y=1#z.", ["https://a.example/x?y=1#z"]);
  check("看https://a.example/页，好吗", ["https://a.example/页"]);
  check("http://a.example and https://b.example", ["http://a.example", "https://b.example"]);
  check("javascript:alert(1) ftp://a.example <b>https</b>", []);
});

test("every refusal has a text in every language", () => {
  assert.deepEqual(Object.keys(zh.refusals), Object.keys(en.refusals));
});

// Tabs of a real browser, each with a profile of its own, that remember what went wrong in them.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { CHROMIUM = "/usr/bin/chromium", SCREENSHOTS } = process.env;
if (SCREENSHOTS) mkdirSync(SCREENSHOTS, { recursive: true });

export class Browser {
  #browser;

  static async launch() {
    const browser = new Browser();
    browser.#browser = await chromium.launch({
      executablePath: CHROMIUM,
      headless: true,
      args: [
        "--no-sandbox", // CI runs as root
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return browser;
  }

  /** Opens `url` in a new profile; `t` closes it and fails if the page logged an error. */
  async tab(t, url, options = {}) {
    const { prepare, expectErrors = false, ...context } = options;
    const profile = await this.#browser.newContext({ locale: "en-GB", viewport: { width: 1200, height: 800 }, ...context });
    const page = await profile.newPage();
    page.setDefaultTimeout(15_000);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
    });
    t.after(async () => {
      await profile.close();
      // Content policy violations and failed requests are logged as errors, too.
      if (!expectErrors && errors.length > 0) throw new Error(`the page logged: ${errors.join("\n")}`);
    });
    await prepare?.(page);
    await page.goto(url);
    return page;
  }

  async close() {
    await this.#browser.close();
  }
}

export async function screenshot(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** Whether the page is wider than its window. */
export function scrollsSideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}

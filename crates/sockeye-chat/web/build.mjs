// Builds the page into the folder named by the first argument (default: dist).
//
// The output is flat: index.html, one script, one style sheet, the icon, and the licences of what is bundled. Script and
// style sheet carry a hash of their content in their names, so a browser may keep them for ever.

import { readFile, writeFile, mkdir, rm, copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2] ?? "dist";
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const { metafile } = await build({
  entryPoints: { app: "src/main.tsx", style: "src/style/style.css" },
  outdir: out,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none", // licenses.txt has them all
  metafile: true,
  minify: true,
  target: ["chrome111", "firefox114", "safari16.4"],
});

const built = Object.keys(metafile.outputs).map((path) => basename(path));
const html = (await readFile("index.html", "utf8"))
  .replace("app.js", built.find((name) => name.endsWith(".js")))
  .replace("style.css", built.find((name) => name.endsWith(".css")));
await writeFile(join(out, "index.html"), html);
await copyFile("icon.svg", join(out, "icon.svg"));
await writeFile(join(out, "licenses.txt"), await licences(Object.keys(metafile.inputs)));

/** The licence texts of the packages that ended up in the bundle; MIT asks that they travel with it. */
async function licences(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input);
    if (found) packages.add(found[1]);
  }
  const texts = [...packages].sort().map(async (name) => {
    const folder = join("node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const text = await readFile(join(folder, "LICENSE"), "utf8");
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join("\n----\n\n");
}

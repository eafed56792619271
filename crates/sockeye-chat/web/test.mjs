// Bundles each test of test/ (they import TypeScript) and runs it with Node's own test runner.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { build } from "esbuild";

const outdir = "node_modules/.cache/test";
await build({
  entryPoints: readdirSync("test").map((name) => `test/${name}`),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  platform: "node",
  sourcemap: "inline",
});
const files = readdirSync(outdir).map((name) => `${outdir}/${name}`);
process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" }).status ?? 1;

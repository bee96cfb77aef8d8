// Builds the source: `node build.mjs WIT OUTPUT`, where WIT is the folder of the contract.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { componentize } from "@bytecodealliance/componentize-js";

const [wit, output] = process.argv.slice(2);
if (!output) {
  console.error("usage: node build.mjs WIT OUTPUT");
  process.exit(2);
}
const { component } = await componentize({
  sourcePath: "feed.js",
  witPath: resolve(wit),
  worldName: "log-source",
  // Events of an HTTP server. What is disabled is stubbed out, so that `http` has to stay although `fetch` is not used.
  disableFeatures: ["fetch-event"],
});
await writeFile(output, component);

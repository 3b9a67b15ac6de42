// The size of the client as browsers get it: minified, and compressed as CDNs do by default.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { transformSync } from "esbuild";

const LIMIT = 6000;
const { code } = transformSync(readFileSync(process.argv[2], "utf8"), { minify: true, format: "esm", target: "es2022" });
const size = gzipSync(code).length;
if (size >= LIMIT) throw new Error(`${size} bytes, and the limit is ${LIMIT}`);

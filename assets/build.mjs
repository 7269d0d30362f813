// Compiles everything a page loads into ../static, under names that carry a digest of the content, and writes manifest.json
// (logical name → served name). `node build.mjs --check` writes nothing and fails if ../static is not what it would write.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");
const modules = join(here, "node_modules");
const fonts = join(modules, "@fontsource-variable", "public-sans");
const uswds = join(modules, "@uswds", "uswds");

const files = new Map(); // path under static/ → bytes
const manifest = {}; // logical name → path under static/

/** Keeps a file under a name that changes whenever its bytes do, so that a browser may keep it for ever. */
function keepHashed(name, content) {
  const bytes = Buffer.from(content);
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const dot = name.lastIndexOf(".");
  const served = `${name.slice(0, dot)}.${digest}${name.slice(dot)}`;
  files.set(served, bytes);
  manifest[name] = served;
  return served;
}

/** The icons of USWDS are a few hundred bytes each: inside the sheet they cost less than a request. */
function inlineIcon(path) {
  const svg = readFileSync(join(uswds, "dist", "img", path), "utf8").trim().replace(/"/g, "'").replace(/>\s+</g, "><");
  return `data:image/svg+xml,${svg.replace(/[%#<>{}\s]/g, (c) => (c === " " ? "%20" : encodeURIComponent(c)))}`;
}

function compileSheet() {
  const compiled = sass.compile(join(here, "scss", "app.scss"), {
    style: "compressed",
    loadPaths: [join(uswds, "packages")],
    quietDeps: true,
    logger: sass.Logger.silent,
  });
  const sheet = compiled.css.replace(/url\("?([^")]+)"?\)/g, (whole, target) => {
    if (target.startsWith("uswds/")) return `url("${inlineIcon(target.slice("uswds/".length))}")`;
    if (target in manifest) return `url("${manifest[target]}")`;
    if (target.startsWith("data:")) return whole;
    throw new Error(`the style sheet asks for ${target}, which nothing provides`);
  });
  keepHashed("app.css", sheet);
}

keepHashed("public-sans-latin.woff2", readFileSync(join(fonts, "files", "public-sans-latin-wght-normal.woff2")));
keepHashed("public-sans-latin-ext.woff2", readFileSync(join(fonts, "files", "public-sans-latin-ext-wght-normal.woff2")));
for (const name of readdirSync(join(here, "img")).sort()) keepHashed(name, readFileSync(join(here, "img", name)));
compileSheet();
for (const name of readdirSync(join(here, "js")).sort()) keepHashed(name, readFileSync(join(here, "js", name)));

files.set("LICENSES/uswds.md", readFileSync(join(uswds, "LICENSE.md")));
files.set("LICENSES/public-sans.txt", readFileSync(join(fonts, "LICENSE")));
for (const name of readdirSync(join(here, "licenses")).sort())
  files.set(`LICENSES/${name}`, readFileSync(join(here, "licenses", name)));
const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
files.set("manifest.json", Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`));

const present = existsSync(out)
  ? readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(out.length + 1))
  : [];

if (process.argv.includes("--check")) {
  const wrong = present.filter((path) => !files.has(path));
  for (const [path, bytes] of files)
    if (!present.includes(path) || !bytes.equals(readFileSync(join(out, path)))) wrong.push(path);
  if (wrong.length) {
    console.error(`static/ is not what assets/ builds; run "npm run build" in assets/:\n  ${wrong.sort().join("\n  ")}`);
    process.exit(1);
  }
  console.log("static/ is what assets/ builds");
} else {
  // New files go in before old ones leave, so that a running server never misses the sheet it names.
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    writeFileSync(join(out, path), bytes);
  }
  for (const path of present) if (!files.has(path)) rmSync(join(out, path));
  for (const [path, bytes] of files) console.log(`${String(bytes.length).padStart(7)}  ${path}`);
}

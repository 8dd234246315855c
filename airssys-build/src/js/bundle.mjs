// Bundles a component: `node bundle.mjs MAIN SDK TOOLS BUNDLE [METAFILE]`.
//
// Fails if the main file, or a file beside it, imports what the component would not have.

import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const [main, sdk, tools, bundle, report] = process.argv.slice(2);
const esbuild = createRequire(join(tools, "package.json"))("esbuild");

const web = join(sdk, "web.min.js");

/** The imports of the component itself, which the bundle keeps. */
const isProvided = ({ path, kind }) => kind === "import-statement" && /^airssys:component\/|^wasi:random\/random@/.test(path);
/** The warnings of esbuild about imports of files whose names are not texts. */
const COMPUTED = ["unsupported-dynamic-import", "unsupported-require-call", "indirect-require"];

const isOfPackage = (file) => file.split(/[\\/]/).includes("node_modules");
const isOfSdk = (file) => !relative(sdk, resolve(file)).startsWith("..");

function fail(messages) {
  const shown = esbuild.formatMessagesSync(messages, { kind: "error", color: false, terminalWidth: 100 });
  process.stderr.write(shown.join(""));
  process.exit(1);
}

const COMMON = {
  nodePaths: [join(tools, "node_modules")],
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  logLevel: "silent",
};

const OPTIONS = {
  ...COMMON,
  entryPoints: [join(sdk, "entry.js")],
  alias: { airssys: join(sdk, "airssys.js"), "airssys-main": resolve(main), "airssys-web": web },
  outfile: bundle,
  external: ["airssys:*", "wasi:*"],
  // `async` functions use the SDK's promises, because the engine runs no jobs between two calls.
  supported: { "async-await": false, "async-generator": false, "for-await": false },
  sourcemap: "external",
  sourcesContent: false,
  metafile: true,
  write: false,
  logOverride: Object.fromEntries(COMPUTED.map((id) => [id, "warning"])),
};

function bundled() {
  try {
    return esbuild.buildSync(OPTIONS);
  } catch (error) {
    if (!error.errors) throw error;
    return fail(error.errors);
  }
}

esbuild.buildSync({ ...COMMON, entryPoints: [join(sdk, "web.js")], outfile: web, minify: true });
const { outputFiles, metafile, warnings } = bundled();

const isMistake = ({ id, location }) => COMPUTED.includes(id) && location && !isOfPackage(location.file) && !isOfSdk(location.file);
const computed = warnings.filter(isMistake).map((warning) => ({
  ...warning,
  text: "the name of an imported file is computed, but the component has only files that are named in its sources; name the file as a text",
}));
const absent = Object.entries(metafile.inputs).flatMap(([file, { imports }]) =>
  imports
    .filter((found) => found.external && found.path !== "<runtime>" && !isProvided(found) && !isOfPackage(file) && !isOfSdk(file))
    .map(({ path }) => ({
      text: `${file} imports \`${path}\`, which the component would not have; install it as a package, or remove the import`,
    })),
);
const mistakes = [...computed, ...absent];
if (mistakes.length) fail(mistakes);

const shown = esbuild.formatMessagesSync(
  warnings.filter(({ id }) => !COMPUTED.includes(id)),
  { kind: "warning", color: false, terminalWidth: 100 },
);
process.stderr.write(shown.join(""));

const text = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment of a source map, each relative to the one before. */
function numbers(segment) {
  const read = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    read.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return read;
}

/**
 * The places of the bundle that come from the component's own sources and packages, as texts by line:
 * `column,source,line,column` for each place, all from 0.
 */
function places({ sources, mappings }) {
  const files = [];
  const known = sources.map((source) => {
    const file = resolve(dirname(bundle), source);
    if (isOfSdk(file) || !relative(tools, file).startsWith("..")) return undefined;
    return files.push(relative(".", file).split(sep).join("/")) - 1;
  });
  let [source, line, column] = [0, 0, 0];
  const lines = mappings.split(";").map((segments) => {
    const kept = [];
    let start = 0;
    for (const segment of segments.split(",")) {
      const [startBy = 0, sourceBy, lineBy, columnBy] = numbers(segment);
      start += startBy;
      if (sourceBy === undefined) continue;
      source += sourceBy;
      line += lineBy;
      column += columnBy;
      if (known[source] !== undefined) kept.push(`${start},${known[source]},${line},${column}`);
    }
    return kept.join(" ");
  });
  return { files, lines: lines.join("\n") };
}

if (report) writeFileSync(report, JSON.stringify(metafile));
// In front of the first line, so that no line moves.
const map = JSON.stringify(places(JSON.parse(text(".map"))));
writeFileSync(bundle, `globalThis.__airssysPlaces = ${map}; ${text(".js")}`);

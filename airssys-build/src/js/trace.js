// Errors with their place in the sources. The engine knows their place in the bundle only.

const BUNDLE = "/airssys/bundle.js:";
const FRAME = /^\s*at (.*?) ?\(?[^\s()]*\/airssys\/bundle\.js:(\d+):(\d+)\)?$/;
/** The longest line that may be a frame. The expression takes long for a long line. */
const LINE = 500;
const CAUSES = 5;

// The build puts the places into the bundle's first line: for each line of the bundle, the places of the
// component's own sources in it, `column,source,line,column`, all from 0.
const { files = [], lines = "" } = globalThis.__airssysPlaces ?? {};
delete globalThis.__airssysPlaces;

/** The line of this number, from 1. */
function lineOf(number) {
  let start = 0;
  for (let before = 1; before < number && start >= 0; before++) start = lines.indexOf("\n", start) + 1 || -1;
  return start < 0 ? "" : lines.slice(start, (lines.indexOf("\n", start) + 1 || lines.length + 1) - 1);
}

/** The place in the sources of a place in the bundle, or undefined. Places count from 1. */
function place(bundleLine, bundleColumn) {
  const places = lineOf(bundleLine).split(" ").map((place) => place.split(",").map(Number));
  const found = places.findLast(([column, source]) => source !== undefined && column < bundleColumn);
  return found && `${files[found[1]]}:${found[2] + 1}:${found[3] + 1}`;
}

/** The text with frames in the bundle given by their places in the sources. Drops those of the SDK. */
export function mapped(text) {
  if (!text.includes(BUNDLE)) return text;
  const shown = [];
  for (const line of text.split("\n")) {
    const [, name, at, column] = (line.length <= LINE && FRAME.exec(line)) || [];
    const source = at && place(Number(at), Number(column));
    if (source) shown.push(`    at ${name ? `${name} (${source})` : source}`);
    else if (!at && !line.endsWith("(native)")) shown.push(line);
  }
  return shown.join("\n").trimEnd();
}

/** An error's kind, message, place and causes. */
export function described(error, causes = CAUSES) {
  if (!(error instanceof Error)) return String(error);
  const frames = error.stack ? `\n${mapped(error.stack)}` : "";
  const text = `${error}${frames}`.trimEnd();
  if (error.cause === undefined || causes === 0) return text;
  return `${text}\ncaused by ${described(error.cause, causes - 1)}`;
}

/** An error's kind, message and place, in one line. */
export function summary(error) {
  if (!(error instanceof Error)) return String(error);
  const frame = /\(?([^\s()]+:\d+:\d+)\)?$/m.exec(mapped(error.stack ?? ""));
  return frame ? `${error} (${frame[1]})` : String(error);
}

// The build fails with the text of an error at the top level.
Error.prepareStackTrace = (error, frames) => {
  const text = frames.map((frame) => `    at ${frame.getFunctionName() || "<anonymous>"} (${frame.getFileName()}:${frame.getLineNumber()}:${frame.getColumnNumber()})`);
  return mapped(text.join("\n"));
};

/** The engine's own stacks are quicker to make; they are mapped when they are shown. */
export function leaveStacks() {
  Error.prepareStackTrace = undefined;
}

// The work behind the album: asks the server for colours, several photos at a time, and again where it is busy.

import { album, keyOf } from "./album/album.js";
import { Problem, predict } from "./api.js";
import { say } from "./say.js";
import { t } from "./words/words.js";

const AT_ONCE = 3;
const PREVIEW = 1600; // px of the longer side: what is painted, and sent back when only the wishes have changed
const DETAIL = 4096; // where somebody looks closer
const REMEMBERED = 12; // answers for each photo
const PATIENCE = 120; // seconds for which a server that is busy or away is asked again
const SELDOM = 5; // seconds at most between two times

let working = 0;

export const cancelled = (error) => error.name === "AbortError";

export const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("", "AbortError"));
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    setTimeout(resolve, 1000 * seconds);
  });

// Do it again, a little later, where the server is busy, or away: it may be started anew.
export async function patiently(act, signal) {
  const end = performance.now() + 1000 * PATIENCE;
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      const passes = error instanceof Problem && (error.code === "E_BUSY" || error.code === "E_NETWORK");
      if (!passes || performance.now() > end) throw error;
      if (error.code === "E_NETWORK") say(t("server_away"), true);
      await pause(error.seconds || Math.min(attempt, SELDOM), signal);
    }
  }
}

// The options of /v1 for a look; hints are in pixels of the photo, and scaled where a smaller picture is sent.
export function optionsOf(look, [across, down] = [1, 1]) {
  const hints = look.hints.map(({ x, y, color }) => ({
    x: Math.floor((x + 0.5) * across),
    y: Math.floor((y + 0.5) * down),
    color,
  }));
  const { film: emulsion, calm: tone_down_unsure, partial: allow_truncated, force } = look;
  return { emulsion, tone_down_unsure, force, allow_truncated, hints };
}

// Ask for the colours of a photo. After the first time its preview is sent, which is small and reads fast.
export function ask(photo, look, signal, more = {}) {
  const whole = !photo.preview || photo.preview.force !== look.force || more.preview;
  const scale = whole ? [1, 1] : [photo.preview.width / photo.facts.width, photo.preview.height / photo.facts.height];
  const options = { ...optionsOf(look, scale), ...more };
  if (whole && !more.preview) options.preview = PREVIEW;
  const request = { photo: whole ? photo.file : photo.preview.blob, options, like: look.like?.blob, signal };
  return patiently(() => predict(request), signal).then((answer) => ({ ...answer, whole, scale }));
}

function learn(photo, look, answer) {
  if (answer.whole) {
    photo.preview = { ...answer.preview, force: look.force };
    photo.facts = answer.facts;
    photo.remarks = answer.remarks;
  }
  remember(photo, keyOf(look), answer);
}

export function remember(photo, key, { colors, sure }) {
  photo.known.delete(key);
  photo.known.set(key, { colors, sure });
  if (photo.known.size > REMEMBERED) photo.known.delete(photo.known.keys().next().value);
}

// The colours that a photo's look asks for, if they are known: no request where somebody goes back a step.
export function recall(photo) {
  const key = keyOf(photo.look);
  if (photo.key === key) return true;
  const found = photo.known.get(key);
  if (!found) return false;
  Object.assign(photo, found, { key });
  return true;
}

// One photo until its colours are those of its look: of wishes that come meanwhile only the last counts.
async function work(photo) {
  const control = new AbortController();
  photo.cancel = () => control.abort();
  photo.state = "working";
  photo.problem = undefined;
  album.changed(photo);
  try {
    while (!photo.gone && !recall(photo)) {
      const look = photo.look;
      learn(photo, look, await ask(photo, look, control.signal));
      const key = keyOf(look);
      if (!recall(photo)) Object.assign(photo, photo.known.get(key), { key }); // on the way to what is wished by now
      album.tell("photo", photo);
    }
    photo.state = "done";
  } catch (error) {
    photo.state = "failed";
    photo.refused = keyOf(photo.look);
    photo.problem = { code: cancelled(error) ? "CANCELLED" : (error.code ?? "E_INTERNAL"), detail: error.message };
  }
  photo.cancel = undefined;
  album.changed(photo);
}

async function start(photo) {
  working += 1;
  await work(photo);
  working -= 1;
  pump();
}

// Begin what waits, the photo that is looked at first.
export function pump() {
  const waiting = album.photos.filter((photo) => photo.state === "waiting");
  waiting.sort((a, b) => (b === album.current) - (a === album.current));
  for (const photo of waiting.slice(0, Math.max(0, AT_ONCE - working))) void start(photo);
}

// Look after one photo whose wishes have changed: at once where somebody looks at it, else in its turn.
function attend(photo) {
  const known = !photo.gone && recall(photo);
  if (photo.state !== "done" && photo.state !== "failed") return;
  if (known && photo.state === "failed") Object.assign(photo, { state: "done", problem: undefined });
  if (known || photo.gone || photo.refused === keyOf(photo.look)) return;
  photo.state = "waiting";
  if (photo === album.current) void start(photo);
  else pump();
}

export function retry(...photos) {
  for (const photo of photos) {
    photo.state = "waiting";
    album.changed(photo);
  }
  pump();
}

export function cancelAll() {
  for (const photo of album.photos) {
    if (photo.state === "waiting") {
      Object.assign(photo, { state: "failed", refused: keyOf(photo.look), problem: { code: "CANCELLED" } });
      album.changed(photo);
    } else photo.cancel?.();
  }
}

// A finer preview, for those who look closer; the same where the photo has no more to show.
export async function detailOf(photo, signal) {
  const size = Math.min(DETAIL, Math.max(photo.facts.width, photo.facts.height));
  const look = { ...photo.look, hints: [], like: null, film: "auto" };
  return (await ask(photo, look, signal, { preview: size })).preview.blob;
}

album.addEventListener("list", pump);
album.addEventListener("photo", ({ detail }) => attend(detail));

// Hints: dots on the photo whose colour somebody knows; placed, moved, coloured, removed.

import { album, keyOf } from "../album/album.js";
import { hexToLab, labToHex } from "../canvas/paint.js";
import { colorAt } from "../canvas/picture.js";
import { placeOf, rectangle, setHinting, view } from "../canvas/stage.js";
import { choose, closeWheel, openWheel, wheelIsOpen } from "./wheel.js";
import { ask, remember } from "../work.js";
import { t } from "../words/words.js";

const MOST = 500; // of a request
const STILL = 5; // px that a press may move without moving the dot
const PROBES = ["#b03030", "#3060b0"];

const stage = document.querySelector("#stage");
const dots = document.querySelector("#dots");
const cross = document.querySelector("#cross");
const brush = document.querySelector("#brush");
let place = null; // of the cross that the keys move, shares of the photo
let edit = null; // the hint whose colour is chosen

export function useBrush(on) {
  brush.setAttribute("aria-pressed", on);
  setHinting(on);
  place = null;
  closeWheel();
  layOut();
}

const current = () => album.current;

function setHints(hints, done = true) {
  album.wish(current(), { hints }, { done });
}

const replaced = (hints, i, change) => hints.map((hint, j) => (i === j ? { ...hint, ...change } : hint));

async function add(at) {
  const photo = current();
  if (photo.look.hints.length >= MOST) return;
  const [L, a, b] = await colorAt(photo, at);
  setHints([...photo.look.hints, { ...at, color: labToHex(Math.min(Math.max(L, 30), 85), a, b) }], false);
  void open(photo.look.hints.length - 1);
}

function remove(i) {
  closeWheel();
  setHints(current().look.hints.filter((_, j) => j !== i));
  stage.focus();
}

// --- the colour follows while one moves ---

async function open(i) {
  const photo = current();
  const hint = photo.look.hints[i];
  const [L] = await colorAt(photo, hint);
  const { x, y } = onStage(hint);
  edit = { photo, i, control: new AbortController(), weight: null };
  openWheel({
    ...{ x, y, L, value: hint.color, follow, remove: () => remove(i) },
    drop: async () => {
      const { pickFrom } = await import("./dropper.js"); // few need it
      const color = await pickFrom(album.photos.filter((one) => one.preview && one.colors));
      if (color && wheelIsOpen()) choose(color);
    },
    close: settle,
  });
  void probe(edit);
  layOut();
}

// Small colours are linear in the colour of a hint. Two answers for other colours of it give what its colour counts in
// each cell, and from then on a move of the wheel needs no answer.
async function probe(one) {
  const { photo, i, control } = one;
  const look = photo.look;
  const known = hexToLab(look.hints[i].color);
  const away = (color) => Math.hypot(hexToLab(color)[1] - known[1], hexToLab(color)[2] - known[2]);
  const color = PROBES.reduce((best, next) => (away(next) > away(best) ? next : best));
  try {
    const asked = [look, { ...look, hints: replaced(look.hints, i, { color }) }];
    const [first, second] = await Promise.all(asked.map((each) => ask(photo, each, control.signal)));
    const [da, db] = [1, 2].map((c) => hexToLab(color)[c] - known[c]);
    const n = first.colors.width * first.colors.height;
    const [from, to] = [first.colors.data, second.colors.data];
    const weight = Float32Array.from(
      { length: n },
      (_, k) => ((to[k] - from[k]) * da + (to[n + k] - from[n + k]) * db) / (da * da + db * db),
    );
    Object.assign(one, { weight, first, known });
    if (edit === one) follow(photo.look.hints[i].color);
  } catch {
    // the answers to the moves themselves will do
  }
}

function follow(color) {
  const { photo, i, weight, first, known } = edit;
  const hints = replaced(photo.look.hints, i, { color });
  if (weight) {
    const [, a, b] = hexToLab(color);
    const { width, height, data } = first.colors;
    const n = width * height;
    const moved = data.map((value, k) => value + weight[k % n] * (k < n ? a - known[1] : b - known[2]));
    remember(photo, keyOf({ ...photo.look, hints }), { colors: { width, height, data: moved }, sure: first.sure });
  }
  setHints(hints, false);
}

function settle() {
  const { photo, control, weight } = edit;
  control.abort();
  edit = null;
  if (photo.gone) return;
  if (weight) {
    photo.known.delete(keyOf(photo.look)); // what the server says counts
    photo.key = undefined;
  }
  album.wish(photo, {});
  stage.focus({ preventScroll: true });
}

// --- dots ---

function onStage({ x, y }) {
  const box = rectangle();
  const { width, height } = current().facts;
  return { x: box.x + ((x + 0.5) / width) * box.width, y: box.y + ((y + 0.5) / height) * box.height };
}

function layOut() {
  const photo = current();
  const hints = (photo?.facts && photo.look.hints) || [];
  while (dots.children.length > hints.length) dots.lastChild.remove();
  while (dots.children.length < hints.length) dots.append(makeDot(dots.children.length));
  hints.forEach((hint, i) => {
    const dot = dots.children[i];
    const { x, y } = onStage(hint);
    dot.style.transform = `translate(${x}px, ${y}px)`;
    dot.style.setProperty("--color", hint.color);
    dot.setAttribute("aria-label", t("hint", { number: i + 1, color: hint.color }));
    dot.classList.toggle("edited", edit?.i === i);
  });
  cross.hidden = !place || !photo?.facts;
  if (!cross.hidden) {
    const box = rectangle();
    cross.style.transform = `translate(${box.x + place[0] * box.width}px, ${box.y + place[1] * box.height}px)`;
  }
}

function makeDot(i) {
  const dot = Object.assign(document.createElement("button"), { type: "button", className: "dot" });
  let from = null;
  dot.addEventListener("pointerdown", (event) => {
    from = { x: event.clientX, y: event.clientY, moved: false };
    dot.setPointerCapture(event.pointerId);
  });
  dot.addEventListener("pointermove", (event) => {
    if (!from) return;
    from.moved ||= Math.hypot(event.clientX - from.x, event.clientY - from.y) > STILL;
    const at = from.moved && placeOf(event.clientX, event.clientY);
    if (at) setHints(replaced(current().look.hints, i, at), false);
  });
  dot.addEventListener("pointerup", () => {
    if (from?.moved) album.wish(current(), {});
  });
  dot.addEventListener("click", () => {
    const moved = from?.moved;
    from = null;
    if (!moved) void open(i);
  });
  dot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") remove(i);
    else if (step) nudge(i, step, event.shiftKey ? 10 : 1);
    else return;
    event.preventDefault();
  });
  return dot;
}

function nudge(i, [dx, dy], times) {
  const { width, height } = current().facts;
  const unit = times * Math.max(1, Math.round(Math.max(width, height) / 200));
  const { x, y } = current().look.hints[i];
  const inside = (value, size) => Math.min(Math.max(value, 0), size - 1);
  setHints(replaced(current().look.hints, i, { x: inside(x + dx * unit, width), y: inside(y + dy * unit, height) }));
}

// --- events ---

view.addEventListener("move", layOut);
view.addEventListener("tap", ({ detail }) => {
  if (wheelIsOpen()) closeWheel();
  else void add(detail);
});
brush.addEventListener("click", () => useBrush(brush.getAttribute("aria-pressed") !== "true"));
stage.addEventListener("keydown", (event) => {
  if (event.target !== stage || !stage.classList.contains("hinting") || !current()?.colors) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    place ??= [0.5, 0.5];
    place = place.map((share, i) => Math.min(Math.max(share + step[i] * (event.shiftKey ? 0.1 : 0.01), 0), 0.9999));
  } else if (event.key === "Enter") {
    const [across, down] = place ?? [0.5, 0.5];
    const { width, height } = current().facts;
    void add({ x: Math.floor(across * width), y: Math.floor(down * height) });
  } else if (event.key === "Escape") useBrush(false);
  else return;
  event.preventDefault();
  layOut();
});
album.addEventListener("step", closeWheel);
album.addEventListener("select", () => {
  closeWheel();
  place = null;
  layOut();
});
album.addEventListener("photo", ({ detail }) => {
  if (detail === current()) layOut();
});

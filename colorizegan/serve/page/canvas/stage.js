// The photo, large: before and after with a divider, zoom and pan with mouse, fingers and keys.

import { album } from "../album/album.js";
import { glPainter } from "./gl.js";
import { bitmapOf, linesOf, softPainter, staysAsItIs } from "./picture.js";
import { cancelled, detailOf } from "../work.js";
import { t } from "../words/words.js";

const CLOSEST = 16; // px of the screen for one of the photo
const DOUBLE_TAP = 300; // ms
const NEAR = 24; // px around the divider that take hold of it
const MARGIN = 14; // px around the whole photo
const STILL = 6; // px that a tap may move

const stage = document.querySelector("#stage");
const divider = document.querySelector("#divider");
let canvas = document.querySelector("#picture");
let painter = glPainter(canvas);
if (!painter) {
  canvas.replaceWith((canvas = Object.assign(document.createElement("canvas"), { id: "picture" })));
  painter = softPainter(canvas);
}

// says "move" when the photo lies elsewhere, "compare" when the divider was moved, "tap" with a place in the photo
export const view = new EventTarget();
let photo = null;
let shown = {}; // what the painter holds: preview blob, colours, confidence
let zoom = 1; // 1 shows all of it
let centre = [0.5, 0.5]; // of the window, in shares of the photo
let split = 0.5; // of the part that is seen
let hinting = false;
let guess = false;
let frame = 0;
let control = null;

export const setGuess = (on) => {
  guess = on;
  redraw();
};

// The brush: taps give places, and the divider is out of the way.
export function setHinting(on) {
  hinting = on;
  stage.classList.toggle("hinting", on);
  redraw();
}

// --- where the photo lies ---

// The photo's rectangle on the stage, px of the page.
export function rectangle() {
  const [wide, high] = [stage.clientWidth, stage.clientHeight];
  const scale = zoom * Math.min((wide - 2 * MARGIN) / photo.facts.width, (high - 2 * MARGIN) / photo.facts.height);
  const [width, height] = [photo.facts.width * scale, photo.facts.height * scale];
  return { x: wide / 2 - centre[0] * width, y: high / 2 - centre[1] * height, width, height };
}

function clamp() {
  const [wide, high] = [stage.clientWidth, stage.clientHeight];
  const { width, height } = rectangle();
  [[width, wide], [height, high]].forEach(([size, room], i) => {
    const reach = size <= room ? 0.5 : room / size / 2;
    centre[i] = Math.min(Math.max(centre[i], reach), 1 - reach);
  });
}

export function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  if (!photo?.facts) return;
  const before = rectangle();
  const at = [(x - before.x) / before.width, (y - before.y) / before.height];
  const most = Math.max(1, (CLOSEST * photo.facts.width) / (before.width / zoom));
  zoom = Math.min(Math.max(zoom * factor, 1), most);
  const after = rectangle();
  centre = [
    (at[0] * after.width - x + stage.clientWidth / 2) / after.width,
    (at[1] * after.height - y + stage.clientHeight / 2) / after.height,
  ];
  clamp();
  redraw();
  void sharpen();
}

export function panBy(dx, dy) {
  const { width, height } = rectangle();
  centre = [centre[0] - dx / width, centre[1] - dy / height];
  clamp();
  redraw();
}

export function fit() {
  [zoom, centre] = [1, [0.5, 0.5]];
  redraw();
}

// A place on the page as whole pixels of the photo, or null beside it.
export function placeOf(clientX, clientY) {
  const box = stage.getBoundingClientRect();
  const { x, y, width, height } = rectangle();
  const at = [(clientX - box.left - x) / width, (clientY - box.top - y) / height];
  if (at.some((share) => share < 0 || share >= 1)) return null;
  return { x: Math.floor(at[0] * photo.facts.width), y: Math.floor(at[1] * photo.facts.height) };
}

// --- what is drawn ---

export function redraw() {
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const ready = photo?.facts && shown.preview;
  canvas.hidden = !ready;
  divider.hidden = !ready || hinting || staysAsItIs(photo);
  if (!ready) return;
  const scale = devicePixelRatio;
  const [wide, high] = [Math.round(stage.clientWidth * scale), Math.round(stage.clientHeight * scale)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const { x, y, width, height } = rectangle();
  const place = dividerPlace();
  divider.style.transform = `translateX(${place}px)`;
  divider.setAttribute("aria-valuenow", Math.round(100 * split));
  painter.draw({
    ...{ x: x * scale, y: y * scale, width: width * scale, height: height * scale },
    ...{ split: hinting ? 0 : place * scale, colored: staysAsItIs(photo), guess },
    ...{ saturation: photo.look.saturation, warmth: photo.look.warmth },
  });
  view.dispatchEvent(new Event("move"));
}

function seen() {
  const { x, width } = rectangle();
  return [Math.max(0, x), Math.min(stage.clientWidth, x + width)];
}

function dividerPlace() {
  const [left, right] = seen();
  return left + split * (right - left);
}

function moveDivider(x) {
  const [left, right] = seen();
  split = Math.min(Math.max((x - left) / (right - left), 0), 1);
  view.dispatchEvent(new Event("compare"));
  redraw();
}

// Bring what is there of the photo to the painter.
async function show() {
  const one = photo;
  if (!one?.preview || !one.colors) return redraw();
  const fine = shown.photo === one && shown.preview === one.preview;
  const bitmap = fine ? null : await bitmapOf(one.preview.blob);
  const lines = await linesOf(one);
  const sure = await bitmapOf(one.sure.blob);
  if (photo === one) {
    if (bitmap) {
      painter.plate(bitmap);
      shown = { photo: one, preview: one.preview, pixels: bitmap.width };
    }
    painter.lines(lines);
    painter.sure(sure);
    redraw();
    if (bitmap) void sharpen();
  }
  bitmap?.close();
  sure.close();
}

// Where somebody looks closer than the preview goes, ask for a finer one, once.
async function sharpen() {
  const one = photo;
  const most = Math.min(one?.facts?.width ?? 0, painter.largest);
  if (!shown.preview || shown.asked || shown.pixels >= most) return;
  if (rectangle().width * devicePixelRatio < 1.2 * shown.pixels || zoom === 1) return;
  shown.asked = true;
  control = new AbortController();
  stage.setAttribute("aria-busy", "true");
  try {
    const bitmap = await bitmapOf(await detailOf(one, control.signal));
    if (photo === one && shown.photo === one) {
      painter.plate(bitmap);
      shown.pixels = bitmap.width;
      redraw();
    }
    bitmap.close();
  } catch (error) {
    if (!cancelled(error)) shown.asked = false; // the next zoom tries again
  }
  stage.removeAttribute("aria-busy");
}

// --- fingers, mouse, keys ---

const pointers = new Map();
let gesture = null; // "divide", "pan", "pinch"
let last = { time: 0, x: 0, y: 0 };

const local = (event) => {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

stage.addEventListener("pointerdown", (event) => {
  if (!photo?.facts || event.button || event.target.closest("button, dialog, .wheel")) return;
  const [x, y] = local(event);
  pointers.set(event.pointerId, { x, y, from: [x, y], moved: false });
  stage.setPointerCapture(event.pointerId);
  if (pointers.size === 2) gesture = "pinch";
  else if (hinting) gesture = "pan";
  else gesture = zoom === 1 || Math.abs(x - dividerPlace()) < NEAR ? "divide" : "pan";
});

stage.addEventListener("pointermove", (event) => {
  const pointer = pointers.get(event.pointerId);
  if (!pointer) return;
  const [x, y] = local(event);
  pointer.moved ||= Math.hypot(x - pointer.from[0], y - pointer.from[1]) > STILL;
  if (gesture === "pinch") {
    const [one, other] = [...pointers.values()];
    const spread = () => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = () => [(one.x + other.x) / 2, (one.y + other.y) / 2];
    const [before, was] = [spread(), middle()];
    Object.assign(pointer, { x, y });
    panBy(middle()[0] - was[0], middle()[1] - was[1]);
    zoomBy(spread() / Math.max(before, 1), ...middle());
    return;
  }
  if (pointer.moved && gesture === "divide" && !staysAsItIs(photo)) moveDivider(x);
  if (pointer.moved && gesture === "pan") panBy(x - pointer.x, y - pointer.y);
  Object.assign(pointer, { x, y });
});

function release(event) {
  const pointer = pointers.get(event.pointerId);
  pointers.delete(event.pointerId);
  if (!pointer || pointers.size) return;
  const tap = event.type === "pointerup" && !pointer.moved && gesture !== "pinch";
  gesture = null;
  if (!tap) return;
  if (hinting) {
    const place = placeOf(event.clientX, event.clientY);
    if (place) view.dispatchEvent(new CustomEvent("tap", { detail: place }));
    return;
  }
  const [now, x, y] = [performance.now(), ...local(event)];
  const double = now - last.time < DOUBLE_TAP && Math.hypot(x - last.x, y - last.y) < NEAR;
  last = double ? { time: 0, x, y } : { time: now, x, y };
  if (double) closer(x, y);
}
stage.addEventListener("pointerup", release);
stage.addEventListener("pointercancel", release);

// All of it, or pixel for pixel.
function closer(x, y) {
  if (zoom > 1) fit();
  else zoomBy(Math.max(2, photo.facts.width / (rectangle().width * devicePixelRatio)), x, y);
}

stage.addEventListener("wheel", (event) => {
  if (!photo?.facts || event.target.closest(".wheel")) return;
  event.preventDefault();
  if (event.ctrlKey || !event.shiftKey) zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...local(event));
  else panBy(-event.deltaX - event.deltaY, 0);
}, { passive: false });

stage.addEventListener("keydown", (event) => {
  if (event.target !== stage || !photo?.facts) return;
  const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (event.key === "+" || event.key === "=") zoomBy(1.4);
  else if (event.key === "-") zoomBy(1 / 1.4);
  else if (event.key === "0") fit();
  else if (step && !hinting && zoom > 1) panBy(...step);
  else if (step?.[0] && !hinting) moveDivider(dividerPlace() - step[0] / 3);
  else return;
  event.preventDefault();
});

divider.addEventListener("keydown", (event) => {
  const [left, right] = seen();
  const step = (right - left) * (event.shiftKey ? 0.1 : 0.02);
  const place = { ArrowLeft: dividerPlace() - step, ArrowRight: dividerPlace() + step, Home: left, End: right }[event.key];
  if (place === undefined) return;
  event.preventDefault();
  moveDivider(place);
});

// --- events ---

new ResizeObserver(() => photo?.facts && (clamp(), redraw())).observe(stage);
canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
canvas.addEventListener("webglcontextrestored", () => {
  painter = glPainter(canvas);
  shown = {};
  void show();
});

album.addEventListener("select", ({ detail }) => {
  control?.abort();
  [photo, shown] = [detail, {}];
  [zoom, centre] = [1, [0.5, 0.5]];
  stage.setAttribute("aria-label", photo ? t("stage_of", { name: photo.name }) : t("stage"));
  void show();
});

let drawn = null; // colours that are on the stage
album.addEventListener("photo", ({ detail }) => {
  if (detail !== photo) return;
  if (shown.preview !== photo.preview || drawn !== photo.colors) void show();
  drawn = photo.colors;
  redraw();
});

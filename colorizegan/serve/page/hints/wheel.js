// The colour wheel beside a hint: a disc of all colours at the light of the place, swatches, recent colours.

import { disc, hexToLab, labToHex } from "../canvas/paint.js";
import { fill, t } from "../words/words.js";

const REACH = 75; // Lab units from the middle of the disc to its edge
const LIGHT = [45, 75]; // L of the disc, however dark or bright the place is: colours must be told apart
const RECENT = 8;
const SWATCHES = {
  skin: "#d3a184", hair: "#6f4e37", sky: "#86b3e0", leaf: "#5d8a3a", wood: "#a9774a", denim: "#48638f", brick: "#a4513d", gray: "#808080",
};

const wheel = document.querySelector("#wheel");
const canvas = wheel.querySelector("canvas");
const knob = wheel.querySelector(".knob");
const [hue, strength] = wheel.querySelectorAll("input[type=range]");
const hex = wheel.querySelector("input[type=text]");

let light = 60;
let color = "#808080";
let hooks = null;

const recent = () => JSON.parse(localStorage.getItem("recent") ?? "[]");

// Open it beside a place (px of the stage). hooks: follow(color) while it changes, remove(), drop(), close().
export function openWheel({ x, y, L, value, ...given }) {
  closeWheel();
  hooks = given;
  light = Math.min(Math.max(L, LIGHT[0]), LIGHT[1]);
  canvas.getContext("2d").putImageData(disc(canvas.width, light, REACH), 0, 0);
  wheel.querySelector(".recent").replaceChildren(...recent().map((one) => swatch(one, one)));
  wheel.hidden = false;
  const room = wheel.parentElement;
  const [wide, high] = [wheel.offsetWidth, wheel.offsetHeight];
  const beside = x + 28 + wide <= room.clientWidth ? x + 28 : x - 28 - wide;
  const inside = beside >= 8; // else below or above the finger
  const left = inside ? beside : Math.min(Math.max(x - wide / 2, 8), room.clientWidth - wide - 8);
  const above = y - 28 - high >= 8 ? y - 28 - high : y + 28;
  const top = inside ? y - high / 2 : above;
  wheel.style.left = `${left}px`;
  wheel.style.top = `${Math.max(8, Math.min(top, room.clientHeight - high - 8))}px`;
  set(value);
  hue.focus({ preventScroll: true });
}

export function closeWheel() {
  if (wheel.hidden) return;
  wheel.hidden = true;
  if (color !== "#808080") {
    localStorage.setItem("recent", JSON.stringify([color, ...recent().filter((one) => one !== color)].slice(0, RECENT)));
  }
  const { close } = hooks;
  hooks = null;
  close();
  wheel.dispatchEvent(new Event("close"));
}

export const wheelIsOpen = () => !wheel.hidden;

function set(value) {
  color = value.toLowerCase();
  const [, a, b] = hexToLab(color);
  const chroma = Math.hypot(a, b);
  const share = Math.min(1, REACH / Math.max(chroma, 1e-6)) / REACH;
  knob.style.left = `${50 + 50 * a * share}%`;
  knob.style.top = `${50 - 50 * b * share}%`;
  knob.style.background = color;
  if (chroma > 1) hue.value = Math.round(((Math.atan2(b, a) * 180) / Math.PI + 360) % 360);
  strength.value = Math.round(Math.min(100, (100 * chroma) / REACH));
  if (document.activeElement !== hex) hex.value = color;
}

export function choose(value) {
  set(value);
  hooks?.follow(color);
}

function fromSliders() {
  const [angle, chroma] = [(hue.value * Math.PI) / 180, (strength.value * REACH) / 100];
  const value = labToHex(light, chroma * Math.cos(angle), chroma * Math.sin(angle));
  const [turn, power] = [hue.value, strength.value];
  choose(value);
  [hue.value, strength.value] = [turn, power]; // colours beyond sRGB lose chroma: the sliders stay where they were put
}

function swatch(value, name) {
  const button = Object.assign(document.createElement("button"), { type: "button", title: name });
  button.style.background = value;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", () => choose(value));
  return button;
}

export function prepareWheel() {
  const named = Object.entries(SWATCHES).map(([name, value]) => swatch(value, t(`swatch_${name}`)));
  wheel.querySelector(".swatches").replaceChildren(...named);
  fill(wheel);
}

function fromDisc(event) {
  const box = canvas.getBoundingClientRect();
  let [across, up] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  [across, up] = [2 * across - 1, 1 - 2 * up];
  const far = Math.max(1, Math.hypot(across, up));
  choose(labToHex(light, (REACH * across) / far, (REACH * up) / far));
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fromDisc(event);
});
canvas.addEventListener("pointermove", (event) => event.buttons && fromDisc(event));
hue.addEventListener("input", fromSliders);
strength.addEventListener("input", fromSliders);
hex.addEventListener("input", () => /^#?[0-9a-f]{6}$/i.test(hex.value.trim()) && choose(`#${hex.value.trim().replace("#", "")}`));
wheel.querySelector(".discard").addEventListener("click", () => {
  const { remove } = hooks;
  closeWheel();
  remove();
});
wheel.querySelector(".drop").addEventListener("click", () => hooks.drop());
wheel.querySelector(".close").addEventListener("click", closeWheel);
wheel.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" && !(event.key === "Enter" && event.target.matches("input"))) return;
  event.preventDefault();
  event.stopPropagation();
  closeWheel();
});

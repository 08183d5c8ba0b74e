// The panel: what is asked of the colours of the photo that is shown, other colourings, and saving.

import { PLAIN, album, keyOf } from "./album/album.js";
import { paintLarge, paintSmall, staysAsItIs } from "./canvas/picture.js";
import { say } from "./say.js";
import { percent, setSlider, signed } from "./slider.js";
import { setGuess } from "./canvas/stage.js";
import { ask, cancelled } from "./work.js";
import { t, wordsOf } from "./words/words.js";

const REFERENCE = 1024; // px of a photo whose colours others take over
const PROPOSALS = 5;

const panel = document.querySelector("#panel");
const find = (selector) => panel.querySelector(selector);
const [saturation, warmth] = [find("#saturation"), find("#warmth")];
const [film, calm, like, guess] = [find("#film"), find("#calm"), find("#like"), find("#guess")];
const strip = find("#proposals");
const [propose, stop] = [find("#propose"), find("#stop")];
const [undo, redo] = ["#undo", "#redo"].map((id) => document.querySelector(id));

const current = () => album.current;

// --- wishes ---

for (const [input, name] of [[saturation, "saturation"], [warmth, "warmth"]]) {
  input.addEventListener("input", () => album.wish(current(), { [name]: Number(input.value) }, { done: false }));
  input.addEventListener("change", () => album.wish(current(), {}));
  input.addEventListener("dblclick", () => album.wish(current(), { [name]: PLAIN[name] }));
}
film.addEventListener("change", () => album.wish(current(), { film: film.value }));
calm.addEventListener("change", () => album.wish(current(), { calm: calm.checked }));
guess.addEventListener("change", () => setGuess(guess.checked));
like.addEventListener("change", () => void takeColors(album.photos.find((photo) => photo.id === like.value)));
find("#force").addEventListener("click", () => album.wish(current(), { force: true }));
find("#plain").addEventListener("click", () => {
  const { force, partial } = current().look; // of the file, not of its colours
  album.wish(current(), { ...PLAIN, force, partial });
});
find("#all").addEventListener("click", () => {
  album.applyToAll(current());
  say(t("applied", { count: album.photos.length }));
});

// The photo that is shown takes the colours of another one ("the same coat"); of none, where there is none.
export async function takeColors(from, photo = current()) {
  if (!from) return album.wish(photo, { like: null });
  const canvas = await paintLarge(from, REFERENCE);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  album.wish(photo, { like: { id: `${from.id} ${Date.now()}`, from: from.id, name: from.name, blob } });
  say(t("takes_colors", { name: photo.name, other: from.name }));
}

function showWishes() {
  const photo = current();
  panel.hidden = !photo;
  if (!photo) return;
  const { look } = photo;
  setSlider(saturation, look.saturation, percent(look.saturation));
  setSlider(warmth, look.warmth, signed(look.warmth));
  film.value = look.film;
  calm.checked = look.calm;
  const others = album.photos.filter((one) => one !== photo && one.preview && one.colors);
  const options = [["", t("like_none")], ...others.map((one) => [one.id, one.name])];
  if (like.dataset.made !== JSON.stringify(options)) {
    like.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    like.dataset.made = JSON.stringify(options);
  }
  like.value = look.like?.from ?? "";
  find("#like_row").hidden = !others.length && !look.like;
  const asItIs = staysAsItIs(photo);
  find("#in_color").hidden = !asItIs;
  find("#wishes").disabled = Boolean(asItIs) || !photo.colors;
  find("#all").hidden = album.photos.length < 2;
  undo.disabled = !album.canUndo(photo);
  redo.disabled = !photo.future.length;
  find("#hint_count").textContent = look.hints.length ? t("hints", { count: look.hints.length }) : "";
  find("#clear_hints").hidden = !look.hints.length;
  const alone = photo.sure?.mean === null; // a model of colours, which knows neither doubt nor others
  for (const box of [calm, guess]) box.parentElement.hidden = alone && !box.checked;
  find("#ideas").textContent = t(alone ? "ideas_none" : "ideas_lead");
  propose.parentElement.hidden = alone;
}

undo.addEventListener("click", () => album.undo(current()));
redo.addEventListener("click", () => album.redo(current()));
find("#clear_hints").addEventListener("click", () => album.wish(current(), { hints: [] }));

// --- proposals ---

let drawn = { photo: null, list: [] }; // what the strip shows
let control = null;
let usual = 6; // seconds that proposals took the last time

propose.addEventListener("click", async () => {
  const photo = current();
  const look = { ...photo.look };
  control = new AbortController();
  strip.replaceChildren(...Array.from({ length: PROPOSALS }, () => Object.assign(document.createElement("span"), { className: "coming" })));
  const start = performance.now();
  const bar = find("#proposing");
  const clock = setInterval(() => (bar.value = 1 - Math.exp((start - performance.now()) / (600 * usual))), 100);
  working(true);
  try {
    const seed = drawn.photo === photo && drawn.list.length ? drawn.seed + 1 : 0; // asked again, others come
    const { proposals, scale } = await ask(photo, look, control.signal, { proposals: PROPOSALS, seed });
    usual = (performance.now() - start) / 1000;
    const { width, height } = photo.facts;
    const list = proposals.map(({ hints, colors }) => ({
      colors,
      hints: hints.map(({ x, y, color }) => ({
        x: Math.min(Math.round((x + 0.5) / scale[0] - 0.5), width - 1),
        y: Math.min(Math.round((y + 0.5) / scale[1] - 0.5), height - 1),
        color,
      })),
    }));
    drawn = { photo, list, look, seed };
    say(t("proposed", { count: list.length }));
  } catch (error) {
    if (!cancelled(error)) say(wordsOf(error), true);
  }
  clearInterval(clock);
  working(false);
  showProposals();
});
stop.addEventListener("click", () => control.abort());

function working(on) {
  for (const one of [stop, find("#proposing")]) one.hidden = !on;
  propose.hidden = on;
}

function showProposals() {
  const list = drawn.photo === current() ? drawn.list : [];
  strip.replaceChildren(...list.map((proposal, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.setAttribute("aria-label", t("proposal", { number: i + 1, count: list.length }));
    button.append(document.createElement("canvas"));
    button.addEventListener("click", () => take(proposal));
    return button;
  }));
  paintProposals();
}

function paintProposals() {
  if (drawn.photo !== current()) return;
  drawn.list.forEach((proposal, i) => {
    const button = strip.children[i];
    void paintSmall(button.firstChild, drawn.photo, proposal.colors);
    button.setAttribute("aria-pressed", sameHints(proposal.hints, drawn.photo.look.hints));
  });
}

const sameHints = (some, others) => JSON.stringify(some) === JSON.stringify(others);

function take({ hints, colors }) {
  const photo = current();
  const look = { ...photo.look, hints };
  if (keyOf({ ...drawn.look, hints }) === keyOf(look)) photo.colors = colors; // at once; how sure they are comes after
  album.wish(photo, { hints });
}

// --- events ---

let frame = 0;
function refresh() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    showWishes();
    if (strip.firstElementChild?.matches("button")) paintProposals();
  });
}

album.addEventListener("photo", refresh);
album.addEventListener("list", refresh);
album.addEventListener("select", () => {
  control?.abort();
  showWishes();
  showProposals();
});

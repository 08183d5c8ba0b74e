// The page: photos come in, by dropping, pasting or choosing, and everything begins.

import { album } from "./album/album.js";
import { closeWheel, prepareWheel, wheelIsOpen } from "./hints/wheel.js";
import { useBrush } from "./hints/hints.js";
import { takeColors } from "./panel.js";
import { say } from "./say.js";
import { fit, view, zoomBy } from "./canvas/stage.js";
import { allPhotos } from "./album/store.js";
import { changeTheme } from "./theme.js";
import { retry } from "./work.js";
import { fill, isCut, loadWords, t, wordsOf } from "./words/words.js";
import "./download/save.js";
import { removePhoto } from "./album/strip.js";

const PICTURE = /\.(jpe?g|jpe|png|tiff?|webp|avif|hei[cf]|gif|bmp|p[gpn]m)$/i;
const FILM = /\.(mp4|m4v|mov|mkv|webm|avi|ts|m2ts|mts|mpe?g|vob|flv|ogv|wmv|mxf|dv|3gp)$/i;
const NARROW = matchMedia("(max-width: 600px), (max-width: 860px) and (orientation: portrait)"); // as page.css has it

const find = (selector) => document.querySelector(selector);

// --- films, whose part of the page is loaded when there is one ---

const isFilm = (file) => file.type.startsWith("video/") || FILM.test(file.name);
let films = null;

async function loadFilms() {
  const first = !films;
  films = await import("./film/film.js");
  if (first) films.films.addEventListener("view", showFrame);
  return films;
}

// --- photos come in ---

function take(all, chosen = false) {
  const film = all.find(({ file }) => isFilm(file));
  if (film) void loadFilms().then(({ addFilm }) => addFilm(film.file));
  if (all.filter(({ file }) => isFilm(file)).length > 1) say(t("film_first"), true);
  const list = all.filter(({ file }) => !isFilm(file));
  // Of a folder only what may be a photo; what somebody chose by hand is tried whatever its name is.
  const files = list.filter(({ file, folder }) => file.size && (chosen || !folder || PICTURE.test(file.name)));
  if (files.length) {
    if (!film) films?.showFilm(false);
    album.add(files);
  } else if (list.length) say(t("no_photos"), true);
}

const withFolder = (file) => ({ file, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/") });

for (const input of document.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    take([...input.files].map(withFolder), !input.webkitdirectory);
    input.value = "";
  });
}
for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => find(button.dataset.choose).click());
}

async function walk(entry, folder = "") {
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder }];
  const reader = entry.createReader();
  const inside = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) inside.push(...some);
  inside.sort((a, b) => a.name.localeCompare(b.name));
  const path = folder ? `${folder}/${entry.name}` : entry.name;
  return (await Promise.all(inside.map((one) => walk(one, path)))).flat();
}

let depth = 0; // dragenter and dragleave come for every part of the page
const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (bringsFiles(event)) document.body.classList.toggle("dropping", ++depth > 0);
});
addEventListener("dragleave", (event) => {
  if (bringsFiles(event)) document.body.classList.toggle("dropping", --depth > 0);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dropping");
  const other = album.photos.find((photo) => photo.id === event.dataTransfer.getData("application/x-colorizegan"));
  if (other) {
    if (event.target.closest("#stage") && other !== album.current && other.colors) await takeColors(other);
    return;
  }
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map((file) => ({ file, folder: "" }));
  const found = entries.length ? (await Promise.all(entries.map((entry) => walk(entry)))).flat() : plain;
  take(found, !entries.some((entry) => entry.isDirectory));
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) take(files.map((file) => ({ file, folder: "" })), true);
});

for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    const name = button.dataset.example;
    const blob = await (await fetch(`/examples/${name}`)).blob();
    take([{ file: new File([blob], name, { type: blob.type }), folder: "" }], true);
  });
}

// --- the frame around it ---

function showFrame() {
  const photo = album.current;
  const film = films?.filmShown() ?? false;
  document.body.classList.toggle("empty", !photo && !film);
  find("#welcome").hidden = Boolean(photo) || film;
  find("#work").hidden = !photo || film;
  find("#movie").hidden = !film;
  find("#to_film").hidden = film || !films?.filmName();
  showNotice();
}

// What there is to say of the photo that is shown.
function showNotice() {
  const photo = album.current;
  const notice = find("#notice");
  const failed = photo?.state === "failed";
  const remark = photo?.remarks?.join("; ");
  const text = failed ? wordsOf(photo.problem) : remark;
  notice.hidden = !text;
  notice.classList.toggle("bad", Boolean(failed));
  notice.firstElementChild.textContent = text ?? "";
  find("#notice .buttons").hidden = !failed;
  find("#partial").hidden = !isCut(photo?.problem) || photo.look.partial;
  find("#stage").classList.toggle("working", Boolean(photo && photo.state !== "done" && !failed));
  find("#stage").classList.toggle("nothing", Boolean(failed && !photo.colors));
  find("#stage").classList.toggle("first", Boolean(photo && !photo.colors && !failed));
  const size = photo?.facts && t("size", { width: photo.facts.width, height: photo.facts.height });
  if (films?.filmShown()) find("#title").textContent = films.filmName();
  else find("#title").textContent = photo ? [photo.name, size].filter(Boolean).join(" · ") : "";
}

// On a phone one part of the panel is open at a time.
function showTab(name) {
  for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-pressed", tab.dataset.tab === name);
  find("#panel").dataset.tab = name;
  if (NARROW.matches) useBrush(name === "hints");
}
for (const tab of document.querySelectorAll("#tabs button")) tab.addEventListener("click", () => showTab(tab.dataset.tab));

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => find(button.dataset.open).showModal());
}
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
}
find("#clear").addEventListener("click", () => find("#clearing").showModal());
find("#clear_now").addEventListener("click", () => {
  find("#clearing").close();
  album.clear();
});
find("#retry").addEventListener("click", () => retry(album.current));
find("#partial").addEventListener("click", () => album.wish(album.current, { partial: true }));
find("#discard").addEventListener("click", () => removePhoto(album.current));
find("#zoom_in").addEventListener("click", () => zoomBy(1.5));
find("#zoom_out").addEventListener("click", () => zoomBy(1 / 1.5));
find("#zoom_fit").addEventListener("click", fit);

find("#theme").addEventListener("click", changeTheme);

// Hints of one sentence, until they are read, or somebody does what they say.
function readTip(name) {
  localStorage.setItem(name, "read");
  find(`[data-tip=${name}]`).hidden = true;
}
for (const tip of document.querySelectorAll("[data-tip]")) {
  tip.hidden = Boolean(localStorage.getItem(tip.dataset.tip));
  tip.querySelector("button").addEventListener("click", () => {
    readTip(tip.dataset.tip);
    find("#stage").focus();
  });
}
view.addEventListener("compare", () => readTip("tip-look"), { once: true });
find("#wheel").addEventListener("close", () => readTip("tip-hint"), { once: true });

// --- keys for the whole page ---

addEventListener("keydown", (event) => {
  const photo = album.current;
  if (!photo || films?.filmShown() || document.querySelector("dialog[open]")) return;
  const typing = event.target.matches("input[type=text], select");
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (control && key === "z") event.shiftKey ? album.redo(photo) : album.undo(photo);
  else if (control && key === "y") album.redo(photo);
  else if (control || event.altKey || typing) return;
  else if (key === "h") useBrush(find("#brush").getAttribute("aria-pressed") !== "true");
  else if (key === "n" || key === "p") {
    const next = album.photos[album.photos.indexOf(photo) + (key === "n" ? 1 : -1)];
    if (next) album.select(next);
  } else if (key === "escape" && wheelIsOpen()) closeWheel();
  else return;
  event.preventDefault();
});

// --- begin ---

album.addEventListener("select", showFrame);
find("#to_film").addEventListener("click", () => films.showFilm(true));
album.addEventListener("photo", ({ detail }) => detail === album.current && showNotice());
album.addEventListener("full", () => say(t("storage_full"), true));
await loadWords();
fill();
prepareWheel();
showTab("colors");
try {
  album.restore(await allPhotos());
} catch {
  say(t("no_storage"), true); // a private window
  showFrame();
}
if (localStorage.getItem("film")) await (await loadFilms()).restoreFilm();
document.body.classList.add("ready");

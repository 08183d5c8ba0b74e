// Results to take home: one photo, or all of them as a ZIP.

import { album } from "../album/album.js";
import { colorize } from "../api.js";
import { say } from "../say.js";
import { setSlider } from "../slider.js";
import { cancelled, optionsOf, patiently } from "../work.js";
import { t, wordsOf } from "../words/words.js";

const LONGEST_NAME = 200; // bytes of a name before what is added to it
const AHEAD = 2; // photos that are made while one is written
const ENDINGS = { "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tif", "image/webp": "webp", "image/avif": "avif", "image/bmp": "bmp", "image/x-portable-anymap": "ppm", "image/gif": "gif", "image/heic": "heic" };
const KIN = { jpeg: "jpg", jpe: "jpg", tiff: "tif", pgm: "ppm", pnm: "ppm", heif: "heic" };

const [format, quality, strip] = ["#format", "#quality", "#strip_data"].map((one) => document.querySelector(one));
const [one, all, stop] = ["#download", "#download_all", "#stop_download"].map((id) => document.querySelector(id));
const [bar, downloaded] = ["#downloading", "#downloaded"].map((id) => document.querySelector(id));

// The file of a photo, made by the server from what the visitor sent.
export async function fileOfPhoto(photo, signal) {
  const { saturation, warmth, like } = photo.look;
  const options = { ...optionsOf(photo.look), saturation, warmth, quality: Number(quality.value), strip: strip.checked };
  const stays = photo.facts?.isColor && !photo.look.force;
  if (format.value && !stays) options.format = format.value;
  return patiently(() => colorize({ photo: photo.file, options, like: like?.blob, signal }), signal);
}

// photo.jpg -> photo.colorized.jpg; the ending as it was where the format is the same.
function nameOf(photo, blob) {
  const [, stem, ending] = photo.name.match(/^(.*?)(?:\.([^.]*))?$/s);
  const wanted = ENDINGS[blob.type] ?? "jpg";
  const lower = (ending ?? "").toLowerCase();
  const kept = (KIN[lower] ?? lower) === wanted ? ending : wanted;
  return `${fileName(stem) || "photo"}.colorized.${fileName(kept)}`;
}

// A name that every system can hold, as browsers make them: none of them leads out of the folder it is unpacked into.
function fileName(text) {
  let name = text.replace(/[\\/:*?"<>|\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "_");
  while (new TextEncoder().encode(name).length > LONGEST_NAME) name = name.slice(0, -1);
  return name;
}

function freeName(name, taken) {
  let found = name;
  for (let i = 2; taken.has(found.toLowerCase()); i++) found = name.replace(/(\.colorized\.[^.]*)$/, ` (${i})$1`);
  taken.add(found.toLowerCase());
  return found;
}

// Hand a file to the visitor.
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const ready = () => album.photos.filter((photo) => photo.facts);

let control = null;

async function working(act) {
  control = new AbortController();
  for (const button of [one, all]) button.disabled = true;
  for (const part of [bar, stop]) part.hidden = false;
  bar.removeAttribute("value");
  bar.scrollIntoView({ block: "nearest" });
  try {
    await act(control.signal);
  } catch (error) {
    if (!cancelled(error)) say(wordsOf(error), true);
  }
  for (const part of [bar, stop]) part.hidden = true;
  downloaded.textContent = "";
  show();
}

one.addEventListener("click", () =>
  working(async (signal) => {
    const photo = album.current;
    const blob = await fileOfPhoto(photo, signal);
    save(blob, nameOf(photo, blob));
    say(t("saved", { name: nameOf(photo, blob) }));
  }),
);

all.addEventListener("click", () =>
  working(async (signal) => {
    const photos = ready();
    const failed = [];
    const { fileOf, zipPieces } = await import("./zip.js");
    const file = await fileOf(zipPieces(files(photos, failed, signal)), "application/zip");
    save(file, `colorized-${new Date().toISOString().slice(0, 10)}.zip`);
    const count = photos.length - failed.length;
    say(failed.length ? t("saved_some", { count, names: failed.join(", ") }) : t("saved_all", { count }), failed.length);
  }),
);
stop.addEventListener("click", () => control.abort());

// (name, blob) of each photo, a few made ahead of the one that is written.
async function* files(photos, failed, signal) {
  const coming = [];
  const taken = new Set();
  for (let i = 0; i < photos.length; i++) {
    while (coming.length <= AHEAD && i + coming.length < photos.length) {
      const made = fileOfPhoto(photos[i + coming.length], signal);
      made.catch(() => {}); // looked at in its turn
      coming.push(made);
    }
    try {
      const blob = await coming.shift();
      const folder = photos[i].folder.split("/").map((name) => name && `${fileName(name)}/`).join("");
      yield [freeName(folder + nameOf(photos[i], blob), taken), blob];
    } catch (error) {
      if (cancelled(error)) throw error;
      failed.push(photos[i].name);
    }
    bar.value = (i + 1) / photos.length;
    downloaded.textContent = t("downloaded", { number: i + 1, count: photos.length });
  }
}

// --- how they are saved, kept in the browser ---

const kept = JSON.parse(localStorage.getItem("save") ?? "{}");
format.value = kept.format ?? "";
quality.value = kept.quality ?? 95;
strip.checked = kept.strip ?? false;

function show() {
  const photo = album.current;
  one.disabled = !photo?.facts;
  all.hidden = album.photos.length < 2;
  all.disabled = !ready().length;
  all.textContent = t("download_all", { count: ready().length || "" });
  const lossy = format.value ? ["jpeg", "webp", "avif"].includes(format.value) : !["png", "tiff", "bmp"].includes(photo?.facts?.format);
  document.querySelector("#quality_row").hidden = !lossy;
  setSlider(quality, quality.value, quality.value);
}

for (const input of [format, quality, strip]) {
  input.addEventListener("input", () => {
    localStorage.setItem("save", JSON.stringify({ format: format.value, quality: Number(quality.value), strip: strip.checked }));
    show();
  });
}
for (const event of ["list", "select", "photo"]) album.addEventListener(event, () => control && !bar.hidden || show());

// The photos that a visitor has open, what is asked of each, and undo. Says what changes as events:
// "list" (photos came or went), "select", "photo" (detail: the one whose state, look or colours are others now), "step"
// (before a step back or forth).

import { clearPhotos, deletePhoto, putPhoto } from "./store.js";

export const PLAIN = { saturation: 1, warmth: 0, film: "auto", calm: false, force: false, partial: false, hints: [], like: null };

const SHARED = ["saturation", "warmth", "film", "calm"]; // what "apply to all" means
const LONGEST = 100; // steps back
const SOON = 400; // ms from a change to the disk

class Album extends EventTarget {
  photos = [];
  current = null;
  full = false; // the browser keeps no more

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  add(files) {
    const start = this.photos.reduce((last, photo) => Math.max(last, photo.order + 1), 0);
    const added = files.map(({ file, folder }, i) => fresh({ file, name: file.name, folder, order: start + i }));
    this.photos.push(...added);
    added.forEach((photo) => this.keep(photo));
    this.tell("list");
    if (!this.current && added.length) this.select(added[0]);
  }

  // Photos as the browser kept them.
  restore(records) {
    this.photos = records.sort((a, b) => a.order - b.order).map(fresh);
    this.tell("list");
    this.select(this.photos.find((photo) => photo.id === localStorage.getItem("current")) ?? this.photos[0] ?? null);
  }

  select(photo) {
    this.current = photo;
    if (photo) localStorage.setItem("current", photo.id);
    this.tell("select", photo);
  }

  remove(photo) {
    const at = this.photos.indexOf(photo);
    photo.gone = true;
    photo.cancel?.();
    this.photos.splice(at, 1);
    void deletePhoto(photo.id).catch(() => {});
    this.tell("list");
    if (this.current === photo) this.select(this.photos[Math.min(at, this.photos.length - 1)] ?? null);
    return at;
  }

  // One that was removed, back at its place.
  putBack(photo, at) {
    Object.assign(photo, { gone: false, state: photo.state === "done" ? "done" : "waiting", problem: undefined });
    this.photos.splice(at, 0, photo);
    this.tell("list");
    this.keep(photo);
    this.select(photo);
  }

  clear() {
    for (const photo of this.photos) {
      photo.gone = true;
      photo.cancel?.();
    }
    this.photos = [];
    void clearPhotos().catch(() => {});
    this.tell("list");
    this.select(null);
  }

  // Other wishes for a photo. A slider that still moves is not done: it is one step back with what follows.
  wish(photo, look, { done = true } = {}) {
    photo.look = { ...photo.look, ...look };
    if (done && !same(photo.look, photo.settled)) {
      photo.past = [...photo.past, photo.settled].slice(-LONGEST);
      photo.future = [];
    }
    if (done) photo.settled = photo.look;
    this.changed(photo);
  }

  canUndo(photo) {
    return photo.past.length > 0 || photo.look !== photo.settled;
  }

  undo(photo) {
    this.step(photo, "past", "future");
  }

  redo(photo) {
    this.step(photo, "future", "past");
  }

  step(photo, one, other) {
    this.tell("step"); // what is half done is done first
    const [from, to] = [photo[one], photo[other]];
    if (!from.length) return;
    to.push(photo.settled);
    photo.settled = photo.look = from.pop();
    this.changed(photo);
  }

  applyToAll(photo) {
    const look = Object.fromEntries(SHARED.map((name) => [name, photo.look[name]]));
    for (const one of this.photos) this.wish(one, look);
  }

  changed(photo) {
    if (photo.gone) return;
    this.tell("photo", photo);
    this.keep(photo);
  }

  keep(photo) {
    clearTimeout(photo.timer);
    photo.timer = setTimeout(async () => {
      if (photo.gone) return;
      try {
        await putPhoto(Object.fromEntries(KEPT.map((name) => [name, photo[name]])));
      } catch {
        if (!this.full) this.tell("full");
        this.full = true;
      }
    }, SOON);
  }
}

// Of a photo, what the browser keeps.
const KEPT = ["id", "order", "name", "folder", "file", "state", "problem", "facts", "remarks", "preview", "colors", "sure", "key", "look", "past", "future"];

function fresh(record) {
  const random = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const photo = { id: random, folder: "", state: "waiting", past: [], future: [], ...record, look: { ...PLAIN, ...record.look } };
  if (photo.state === "working") photo.state = "waiting";
  const refused = photo.state === "failed" ? keyOf(photo.look) : undefined; // not asked again for the same
  return { ...photo, refused, settled: photo.look, known: new Map() };
}

// What the network has to be asked for: two looks with the same key have the same small colours.
export const keyOf = ({ film, calm, force, partial, hints, like }) =>
  JSON.stringify([film, calm, force, partial, hints, like?.id]);

const same = (one, other) =>
  keyOf(one) === keyOf(other) && one.saturation === other.saturation && one.warmth === other.warmth;

export const album = new Album();

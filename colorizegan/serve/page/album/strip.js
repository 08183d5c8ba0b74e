// The album as a strip of thumbnails, each with its state.

import { album } from "./album.js";
import { paintAsItCame, paintSmall } from "../canvas/picture.js";
import { say } from "../say.js";
import { cancelAll, retry } from "../work.js";
import { t, wordsOf } from "../words/words.js";

const list = document.querySelector("#strip");
const state = document.querySelector("#state");
const [stop, againAll] = ["#cancel", "#again_all"].map((id) => document.querySelector(id));
const items = new Map(); // photo -> its parts
const wanted = new Set(); // photos to paint
let frame = 0;

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.photo.seen = isIntersecting;
    if (isIntersecting) want(target.photo);
  }
}, { root: list, rootMargin: "200px" });

function make(photo) {
  const item = document.getElementById("thumb").content.firstElementChild.cloneNode(true);
  const [open, remove, again] = [".open", ".remove", ".again"].map((one) => item.querySelector(one));
  item.photo = photo;
  open.addEventListener("click", () => album.select(photo));
  remove.addEventListener("click", () => removePhoto(photo));
  again.addEventListener("click", () => retry(photo));
  remove.setAttribute("aria-label", t("remove", { name: photo.name }));
  again.setAttribute("aria-label", t("again", { name: photo.name }));
  open.title = photo.name;
  open.addEventListener("dragstart", (event) => event.dataTransfer.setData("application/x-colorizegan", photo.id));
  open.addEventListener("keydown", (event) => {
    const next = { ArrowRight: item.nextElementSibling, ArrowLeft: item.previousElementSibling }[event.key];
    if (event.key === "Delete") removePhoto(photo);
    else if (next) next.querySelector(".open").focus();
  });
  seen.observe(item);
  return { item, open, remove, again, canvas: item.querySelector("canvas") };
}

// Take a photo out of the album; what was done to it can be had back for a moment.
export function removePhoto(photo) {
  const inside = items.get(photo)?.item.contains(document.activeElement);
  const at = album.remove(photo);
  say(t("removed", { name: photo.name }), true, () => album.putBack(photo, at));
  if (inside) items.get(album.current)?.open.focus();
}

function showList() {
  for (const [photo, { item }] of items) {
    if (!photo.gone) continue;
    seen.unobserve(item);
    item.remove();
    items.delete(photo);
  }
  album.photos.forEach((photo, i) => {
    if (items.has(photo)) return;
    items.set(photo, make(photo));
    list.insertBefore(items.get(photo).item, list.children[i] ?? null);
    showState(photo);
  });
  showSelected();
}

function showState(photo) {
  const { item, open, again } = items.get(photo) ?? {};
  if (!item) return;
  item.dataset.state = photo.state;
  again.hidden = photo.state !== "failed";
  const why = photo.state === "failed" ? `: ${wordsOf(photo.problem)}` : "";
  open.setAttribute("aria-label", `${photo.name}, ${t(photo.state)}${why}`);
  open.title = photo.name + why;
}

// Tab stops at the photo that is shown, and arrow keys go on from it: two hundred are no two hundred stops.
function showSelected() {
  for (const [photo, { open, remove, again }] of items) {
    open.setAttribute("aria-current", photo === album.current);
    for (const button of [open, remove, again]) button.tabIndex = photo === album.current ? 0 : -1;
  }
  const follow = () => items.get(album.current)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
  requestAnimationFrame(follow); // the strip may only now come into sight
}

function want(photo) {
  if (photo.preview && photo.colors) wanted.add(photo);
  else if (photo.seen) void showAsItCame(photo);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    showCounts();
    for (const one of wanted) if (one.seen && items.has(one)) void paintSmall(items.get(one).canvas, one);
    wanted.clear();
  });
}

// A photo that waits is shown as it came, where the browser can read it; one at a time, for scans are large.
let before = Promise.resolve();
function showAsItCame(photo) {
  const parts = items.get(photo);
  if (!parts || parts.drawn) return;
  parts.drawn = true;
  before = before.then(() => photo.preview || photo.gone || paintAsItCame(parts.canvas, photo.file).catch(() => {}));
}

function showCounts() {
  const count = (name) => album.photos.filter((photo) => photo.state === name).length;
  const left = count("waiting") + count("working");
  const failed = count("failed");
  const parts = [left && t("left", { count: left }), failed && t("failed_count", { count: failed })];
  state.textContent = parts.filter(Boolean).join(" · ");
  stop.hidden = left < 2;
  againAll.hidden = left > 0 || failed < 2;
}

stop.addEventListener("click", cancelAll);
againAll.addEventListener("click", () => retry(...album.photos.filter((photo) => photo.state === "failed")));
album.addEventListener("list", showList);
album.addEventListener("list", showCounts);
album.addEventListener("select", showSelected);
album.addEventListener("photo", ({ detail }) => {
  showState(detail);
  want(detail);
});

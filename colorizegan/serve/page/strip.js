// The album as a strip of thumbnails, each with its state.

import { album } from "./album.js";
import { paintSmall } from "./picture.js";
import { cancelAll, retry } from "./work.js";
import { t } from "./words.js";

const list = document.querySelector("#strip");
const state = document.querySelector("#state");
const stop = document.querySelector("#cancel");
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
  remove.addEventListener("click", () => album.remove(photo));
  again.addEventListener("click", () => retry(photo));
  remove.setAttribute("aria-label", t("remove", { name: photo.name }));
  again.setAttribute("aria-label", t("again", { name: photo.name }));
  open.title = photo.name;
  open.addEventListener("dragstart", (event) => event.dataTransfer.setData("application/x-colorizegan", photo.id));
  open.addEventListener("keydown", (event) => {
    const next = { ArrowRight: item.nextElementSibling, ArrowLeft: item.previousElementSibling }[event.key];
    if (event.key === "Delete") album.remove(photo);
    else if (next) next.querySelector(".open").focus();
  });
  seen.observe(item);
  return { item, open, again, canvas: item.querySelector("canvas") };
}

function showList() {
  for (const [photo, { item }] of items) {
    if (!photo.gone) continue;
    seen.unobserve(item);
    item.remove();
    items.delete(photo);
  }
  for (const photo of album.photos) {
    if (items.has(photo)) continue;
    items.set(photo, make(photo));
    list.append(items.get(photo).item);
    showState(photo);
  }
  showSelected();
}

function showState(photo) {
  const { item, open, again } = items.get(photo) ?? {};
  if (!item) return;
  item.dataset.state = photo.state;
  again.hidden = photo.state !== "failed";
  const why = photo.state === "failed" ? `: ${t(photo.problem.code, { detail: photo.problem.detail })}` : "";
  open.setAttribute("aria-label", `${photo.name}, ${t(photo.state)}${why}`);
  open.title = photo.name + why;
}

function showSelected() {
  for (const [photo, { open }] of items) open.setAttribute("aria-current", photo === album.current);
  items.get(album.current)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function want(photo) {
  if (photo.preview && photo.colors) wanted.add(photo);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    showCounts();
    for (const one of wanted) if (one.seen && items.has(one)) void paintSmall(items.get(one).canvas, one);
    wanted.clear();
  });
}

function showCounts() {
  const count = (name) => album.photos.filter((photo) => photo.state === name).length;
  const left = count("waiting") + count("working");
  const failed = count("failed");
  const parts = [left && t("left", { count: left }), failed && t("failed_count", { count: failed })];
  state.textContent = parts.filter(Boolean).join(" · ");
  stop.hidden = left < 2;
}

stop.addEventListener("click", cancelAll);
album.addEventListener("list", showList);
album.addEventListener("list", showCounts);
album.addEventListener("select", showSelected);
album.addEventListener("photo", ({ detail }) => {
  showState(detail);
  want(detail);
});

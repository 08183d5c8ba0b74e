// A film of the visitor's: sent to the server, previewed by its shots, made in colour, taken home. One at a time.
// This part of the page is loaded when there is a film.

import { Problem, askFilm, sendFilm, takesFilms } from "../api.js";
import { say } from "../say.js";
import { percent, setSlider, signed } from "../slider.js";
import { cancelled } from "../work.js";
import { t, wordsOf } from "../words/words.js";

const FIRST = 250; // ms to the first look at what is being done
const SOON = 1000; // and between two
const SELDOM = 60_000; // while nothing is: who never asks has left, and the film is deleted
const WISHES = { saturation: 1, warmth: 0, emulsion: "auto", tone_down_unsure: false };

const view = document.querySelector("#movie");
const find = (selector) => view.querySelector(selector);
const [shots, player, video, notice] = ["#film_shots", "#film_player", "video", "#film_notice"].map(find);
const [bar, doing, stop] = ["#film_bar", "#film_doing", "#film_stop"].map(find);
const fields = { saturation: find("#film_saturation"), warmth: find("#film_warmth"), emulsion: find("#film_stock"), tone_down_unsure: find("#film_calm") };

export const films = new EventTarget(); // says "view" when the film comes, goes, is shown or hidden
let film = null; // { id, name, wishes, previewed, made, state }
let shown = false;
let sending = null; // AbortController
let timer = 0;

export const filmShown = () => Boolean(film) && shown;
export const filmName = () => film?.name ?? "";

export function showFilm(on) {
  shown = on;
  if (!on) video.pause();
  films.dispatchEvent(new Event("view"));
}

// Send a film, and look through it.
export async function addFilm(file) {
  const limits = await takesFilms();
  if (!limits) return say(t("films_off"), true);
  if (file.size > limits.bytes) return say(t("film_large", { size: Math.round(limits.bytes / 1e6) }), true);
  if (film) {
    showFilm(true);
    return say(t("film_one"), true);
  }
  sending = new AbortController();
  film = { name: file.name, wishes: { ...WISHES }, state: null };
  clearShots();
  showFilm(true);
  showProgress("film_sending", 0);
  try {
    film.state = await sendFilm(file, (share) => showProgress("film_sending", share), sending.signal);
    film.id = film.state.id;
    await begin("preview");
  } catch (error) {
    if (!cancelled(error)) sayFailure(error);
    if (film?.id) void askFilm("DELETE", film.id).catch(() => {});
    forget();
  }
  sending = null;
}

const sayFailure = (error) => say(error.code === "E_BUSY" ? t("FILM_BUSY", { detail: error.detail }) : wordsOf(error), true);

function forget() {
  clearTimeout(timer);
  film = null;
  keep();
  clearShots();
  showFilm(false);
}

function keep() {
  if (film?.id) localStorage.setItem("film", JSON.stringify({ ...film, state: undefined }));
  else localStorage.removeItem("film");
}

// A film that was there when the page was loaded the last time.
export async function restoreFilm() {
  try {
    film = JSON.parse(localStorage.getItem("film"));
    film.state = await askFilm("GET", film.id);
  } catch {
    forget();
    return say(t("film_gone"), true);
  }
  shown = true;
  show();
  films.dispatchEvent(new Event("view"));
  follow();
}

async function begin(what) {
  const wishes = { ...film.wishes, ...(film.force && { force: true }), ...(what === "colorize" && { format: find("#film_format").value, quality: find("#film_quality").value }) };
  const query = new URLSearchParams(Object.entries(wishes).filter(([, value]) => value !== ""));
  film[what === "preview" ? "previewed" : "made"] = JSON.stringify(film.wishes);
  if (what === "preview") clearShots();
  film.state = await askFilm("POST", `${film.id}/${what}?${query}`);
  keep();
  show();
  follow(true);
}

// Ask how far it is, until it is done; and then now and then, so that it is kept.
function follow(soon = false) {
  clearTimeout(timer);
  const busy = ["waiting", "working"].includes(film?.state?.state);
  timer = setTimeout(async () => {
    const { id } = film ?? {};
    if (!id) return;
    try {
      const state = await askFilm("GET", id);
      if (film?.id !== id) return;
      film.state = state;
      show();
    } catch (error) {
      if (error instanceof Problem && error.status === 404) {
        forget();
        return say(t("film_gone"), true);
      }
      showProgress("E_NETWORK"); // and again in a moment
    }
    follow();
  }, soon ? FIRST : busy ? SOON : SELDOM);
}

// --- what there is to see ---

function clearShots() {
  shots.replaceChildren();
  player.hidden = true;
  video.removeAttribute("src");
}

const clock = (seconds) => {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return `${minutes}:${String(rest).padStart(2, "0")}`;
};

function showProgress(key, share, values = {}) {
  doing.textContent = t(key, values);
  bar.parentElement.hidden = share === undefined;
  if (share === null) bar.removeAttribute("value");
  else if (share !== undefined) bar.value = share;
  setFields();
}

function show() {
  const { state } = film;
  const working = ["waiting", "working"].includes(state.state);
  find("#film_name").textContent = film.name;
  find("#film_facts").textContent = state.width ? `${t("size", state)} · ${clock(state.seconds)}` : "";
  while (shots.children.length < state.shots.length) shots.append(pictureOf(shots.children.length + 1, state.shots[shots.children.length]));
  const key = state.state === "waiting" ? "film_waiting" : `film_${state.doing}`;
  if (working) {
    const left = state.seconds_left ? t("film_left", { time: clock(state.seconds_left), count: Math.round(state.frames_a_second) }) : "";
    showProgress(key, state.total ? state.frames / state.total : null, { left });
  } else if (state.state === "done" && state.result) showProgress("film_done");
  else if (state.state === "done" && !state.skipped) showProgress("film_shots_found", undefined, { count: state.shots.length });
  else showProgress("film_ready");
  const problem = state.problem && t(`FILM_${state.problem.code}`, { detail: state.problem.detail });
  notice.textContent = problem || (state.skipped && t("film_in_color")) || state.remarks.join("; ");
  notice.classList.toggle("bad", Boolean(problem));
  notice.hidden = !notice.textContent;
  find("#film_force").hidden = !state.skipped;
  const address = `/v1/films/${film.id}/result`;
  if (!state.result) player.hidden = true;
  else if (player.hidden) {
    player.hidden = false;
    video.src = `${address}?${Date.now()}`; // another one after other wishes
    Object.assign(find("#film_save"), { href: address, download: `${film.name.replace(/\.[^.]*$/, "")}.colorized.${state.result}` });
  }
  find("#film_none").hidden = state.shots.length > 0 || !working;
  setFields();
}

function setFields() {
  const working = Boolean(sending) || ["waiting", "working"].includes(film?.state?.state);
  const { state, wishes } = film ?? {};
  const failed = state?.state === "failed";
  find("#film_wishes").disabled = !state || working;
  find("#film_make").hidden = working || Boolean(state?.result && film.made === JSON.stringify(wishes));
  find("#film_make").disabled = !state || failed;
  find("#film_again").hidden = working || !state || failed || film.previewed === JSON.stringify(wishes);
  find("#film_save").hidden = working || !state?.result;
  stop.hidden = !working;
  if (!film) return;
  for (const [name, field] of Object.entries(fields)) field[field.type === "checkbox" ? "checked" : "value"] = wishes[name];
  setSlider(fields.saturation, wishes.saturation, percent(wishes.saturation));
  setSlider(fields.warmth, wishes.warmth, signed(wishes.warmth));
}

function pictureOf(number, seconds) {
  const item = document.createElement("li");
  const picture = Object.assign(document.createElement("img"), { src: `/v1/films/${film.id}/shots/${number}?${Date.now()}`, alt: t("film_shot", { number, time: clock(seconds) }) });
  item.append(picture, Object.assign(document.createElement("span"), { textContent: clock(seconds) }));
  return item;
}

// --- what a visitor does ---

for (const [name, field] of Object.entries(fields)) {
  field.addEventListener("input", () => {
    film.wishes = { ...film.wishes, [name]: field.type === "checkbox" ? field.checked : field.type === "range" ? Number(field.value) : field.value };
    setFields();
    keep();
  });
}
const failing = (act) => async () => {
  try {
    await act();
  } catch (error) {
    sayFailure(error);
  }
};
find("#film_again").addEventListener("click", failing(() => begin("preview")));
find("#film_make").addEventListener("click", failing(() => begin("colorize")));
find("#film_force").addEventListener("click", failing(() => {
  film.force = true;
  return begin("preview");
}));
stop.addEventListener("click", failing(async () => {
  if (sending) return sending.abort();
  film.state = await askFilm("POST", `${film.id}/stop`);
  show();
}));
find("#film_remove").addEventListener("click", async () => {
  sending?.abort();
  if (film?.id) await askFilm("DELETE", film.id).catch(() => {});
  if (film) forget();
});
find("#film_back").addEventListener("click", () => showFilm(false));
find("#film_divider").addEventListener("input", ({ target }) => (find("#film_gray").style.width = `${target.value}%`));
video.addEventListener("error", () => video.hasAttribute("src") && say(t("film_not_played"), true));

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/film/film.css" });
document.head.append(sheet);
await new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));

// The eyedropper: a colour out of any photo of the album.

import { paintLarge, paintSmall } from "../canvas/picture.js";
import { t } from "../words/words.js";

const LONGEST = 1000; // px

const dialog = document.querySelector("#dropper");
const choices = dialog.querySelector(".choices");
const picture = dialog.querySelector(".picture");
let answer = () => {};

async function show(photo) {
  const canvas = await paintLarge(photo, LONGEST);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", t("dropper_photo", { name: photo.name }));
  canvas.addEventListener("click", (event) => {
    const x = Math.floor((event.offsetX / canvas.clientWidth) * canvas.width);
    const y = Math.floor((event.offsetY / canvas.clientHeight) * canvas.height);
    const { data } = canvas.getContext("2d").getImageData(Math.max(0, x - 1), Math.max(0, y - 1), 3, 3);
    const mean = [0, 1, 2].map((c) => Math.round(data.filter((_, i) => i % 4 === c).reduce((a, b) => a + b) / 9));
    answer(`#${mean.map((code) => code.toString(16).padStart(2, "0")).join("")}`);
    dialog.close();
  });
  picture.replaceChildren(canvas);
}

// Let the visitor choose a place of one of the photos: resolves to #rrggbb, or null.
export function pickFrom(photos) {
  const buttons = photos.map((photo) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: photo.name });
    button.setAttribute("aria-label", photo.name);
    button.append(document.createElement("canvas"));
    void paintSmall(button.firstChild, photo);
    button.addEventListener("click", () => show(photo));
    return button;
  });
  choices.replaceChildren(...buttons);
  dialog.showModal();
  void show(photos[0]);
  return new Promise((resolve) => {
    answer = resolve;
    dialog.addEventListener("close", () => resolve(null), { once: true });
  });
}

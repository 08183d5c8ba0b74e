// What is painted of a photo: its preview decoded, the brightness of its cells, the lines of its colours.

import { abAt, boxReduce, grayOf, lightness, makeLines, MARK, paint, STRONGEST, SURE } from "./paint.js";

const SMALL = 240; // px of the longer side of thumbnails

const smalls = new WeakMap(); // by preview
const lineSets = new WeakMap(); // by colours

export const bitmapOf = (blob) => createImageBitmap(blob, { colorSpaceConversion: "none" });

// A photo that is in colour already is shown as it is, until somebody wants it colorized anyway.
export const staysAsItIs = (photo) => photo.facts?.isColor && !photo.look.force;

export function fitted(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

// A small gray picture, one as it came, and the brightness of the cells; decoded once.
function smallOf(photo) {
  if (!smalls.has(photo.preview)) smalls.set(photo.preview, makeSmall(photo));
  return smalls.get(photo.preview);
}

async function makeSmall({ preview, colors }) {
  const bitmap = await bitmapOf(preview.blob);
  const [width, height] = fitted(bitmap.width, bitmap.height, SMALL);
  const gray = grayOf(bitmap, width, height);
  const large = grayOf(bitmap, bitmap.width, bitmap.height);
  const cells = boxReduce(large, bitmap.width, bitmap.height, colors.width, colors.height);
  const plain = await createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  bitmap.close();
  return { gray, width, height, cells, plain };
}

export async function linesOf(photo, colors = photo.colors) {
  const { cells } = await smallOf(photo);
  if (!lineSets.has(colors)) lineSets.set(colors, makeLines(cells, colors));
  return lineSets.get(colors);
}

// Paint a photo small, with its own wishes and colours or other ones.
export async function paintSmall(canvas, photo, colors = photo.colors) {
  const { gray, width, height, plain } = await smallOf(photo);
  const lines = await linesOf(photo, colors);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (staysAsItIs(photo)) context.drawImage(plain, 0, 0);
  else context.putImageData(paint(gray, width, height, lines, photo.look), 0, 0);
}

// Paint a file small as it came, before the server has answered. Throws where the browser cannot read it.
export async function paintAsItCame(canvas, file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: SMALL, resizeQuality: "medium" });
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

// Paint a photo in colour, its longer side at most so many pixels; returns the canvas.
export async function paintLarge(photo, longest) {
  const bitmap = await bitmapOf(photo.preview.blob);
  const [width, height] = fitted(bitmap.width, bitmap.height, longest);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  if (staysAsItIs(photo)) context.drawImage(bitmap, 0, 0, width, height);
  else context.putImageData(paint(grayOf(bitmap, width, height), width, height, await linesOf(photo), photo.look), 0, 0);
  bitmap.close();
  return canvas;
}

// The colour that is painted at a pixel of the photo, before saturation: [L, a, b].
export async function colorAt(photo, { x, y }) {
  const { gray, width, height } = await smallOf(photo);
  const [across, down] = [(x + 0.5) / photo.facts.width, (y + 0.5) / photo.facts.height];
  const code = gray[Math.floor(down * height) * width + Math.floor(across * width)];
  return [lightness(code), ...abAt(await linesOf(photo), across, down, code)];
}

// How a photo is drawn on a canvas without the graphics card: the interface of gl.js.
export function softPainter(canvas) {
  const context = canvas.getContext("2d");
  const longest = 900; // px: what a processor paints while a slider moves
  let plate, gray, lines, sure, made;
  const layer = (image) => {
    const result = new OffscreenCanvas(image.width, image.height);
    result.getContext("2d").putImageData(image, 0, 0);
    return result;
  };
  return {
    largest: 4096,
    plate(bitmap) {
      const [width, height] = fitted(bitmap.width, bitmap.height, longest);
      plate = new OffscreenCanvas(bitmap.width, bitmap.height);
      plate.getContext("2d").drawImage(bitmap, 0, 0);
      gray = { data: grayOf(bitmap, width, height), width, height };
      made = "";
    },
    lines(found) {
      [lines, made] = [found, ""];
    },
    sure(bitmap) {
      const data = grayOf(bitmap, bitmap.width, bitmap.height);
      const image = new ImageData(bitmap.width, bitmap.height);
      data.forEach((code, i) => {
        const doubt = STRONGEST * Math.max(0, 1 - code / (255 * SURE));
        image.data.set([...MARK, 255 * doubt], 4 * i);
      });
      sure = layer(image);
    },
    draw({ x, y, width, height, split, saturation, warmth, guess, colored }) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(plate, x, y, width, height);
      if (colored) return;
      const key = `${saturation} ${warmth}`;
      if (made !== key) this.layer = layer(paint(gray.data, gray.width, gray.height, lines, { saturation, warmth }));
      made = key;
      context.save();
      context.beginPath();
      context.rect(split, 0, canvas.width, canvas.height);
      context.clip();
      context.drawImage(this.layer, x, y, width, height);
      if (guess) context.drawImage(sure, x, y, width, height);
      context.restore();
    },
  };
}

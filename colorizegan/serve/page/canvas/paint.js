// Colour over light, as the server joins them (color/merge.py): around each cell of the small colours, colour is a
// straight line in brightness; the lines, enlarged, follow the edges of the photo. Where a colour leaves sRGB its
// chroma falls at the same lightness and hue. gl.js does the same on the graphics card.

export const DELTA = 6 / 29; // CIE 15: where the cube root of Lab gives way to its tangent
// From X / Xn, Y, Z / Zn to linear R, G, B (IEC 61966-2-1, D65), as color/lab.py has it.
export const TO_RGB = [
  [3.0799349355329992, -1.537151516271318, -0.5427834192616812],
  [-0.9212341827539382, 1.8759900014898907, 0.04524418126404751],
  [0.0528896820458639, -0.2040413383665112, 1.1511516563206472],
];
export const WARM = [4, 16]; // Lab units in a and b that the warmth 1 adds, as steer/look.py has them
// What marks a guess, how much of it covers a place where anything is possible, and how sure a place is that has none of
// it: as steer/confidence.py has them.
export const [MARK, STRONGEST, SURE] = [[255, 0, 128], 0.9, 0.5];

const EPSILON = 0.01; // brightness squared; flatter neighbourhoods count as flat
const SLACK = 1e-3; // of linear light: so far outside is rounding
const HALVINGS = 9; // on the way to the edge of the gamut

export const toLinear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
export const toEncoded = (v) => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);
const curve = (t) => (t > DELTA ** 3 ? Math.cbrt(t) : t / (3 * DELTA * DELTA) + 4 / 29);
const cube = (f) => (f > DELTA ? f * f * f : 3 * DELTA * DELTA * (f - 4 / 29));

const Y = Float32Array.from({ length: 256 }, (_, code) => toLinear(code / 255));
const FY = Y.map(curve);
const STEPS = 1 << 15;
const CODES = Uint8Array.from({ length: STEPS + 1 }, (_, i) => Math.round(255 * toEncoded(i / STEPS)));

// L (0..100) of a gray code 0..255.
export const lightness = (code) => 116 * FY[code] - 16;

// Linear R, G, B of the colour that was asked for last; whether it lies outside sRGB.
const rgb = new Float64Array(3);
function linear(fy, y, a, b) {
  const x = cube(fy + a / 500);
  const z = cube(fy - b / 200);
  let outside = false;
  for (let i = 0; i < 3; i++) {
    rgb[i] = TO_RGB[i][0] * x + TO_RGB[i][1] * y + TO_RGB[i][2] * z;
    outside ||= rgb[i] < -SLACK || rgb[i] > 1 + SLACK;
  }
  return outside;
}

// Colour as sRGB codes for a, b in Lab units at f(Y) and Y, chroma reduced to what sRGB has there.
function join(fy, y, a, b, out, at) {
  if (linear(fy, y, a, b)) {
    let [low, high] = [0, 1];
    for (let i = 0; i < HALVINGS; i++) {
      const middle = (low + high) / 2;
      if (linear(fy, y, middle * a, middle * b)) high = middle;
      else low = middle;
    }
    linear(fy, y, low * a, low * b);
  }
  for (let i = 0; i < 3; i++) out[at + i] = CODES[Math.max(0, Math.min(STEPS, Math.round(rgb[i] * STEPS)))];
}

// #rrggbb of L 0..100, a, b.
export function labToHex(L, a, b) {
  const fy = (L + 16) / 116;
  const out = [0, 0, 0];
  join(fy, cube(fy), a, b, out, 0);
  return "#" + out.map((code) => code.toString(16).padStart(2, "0")).join("");
}

// All colours of one lightness as a disc: a to the right, b upwards, `reach` Lab units from the middle to the edge.
export function disc(size, L, reach) {
  const image = new ImageData(size, size);
  const fy = (L + 16) / 116;
  const y = cube(fy);
  for (let i = 0; i < size * size; i++) {
    const [across, up] = [((i % size) + 0.5) / (size / 2) - 1, 1 - (Math.floor(i / size) + 0.5) / (size / 2)];
    const edge = (1 - Math.hypot(across, up)) * (size / 2);
    if (edge <= 0) continue;
    join(fy, y, reach * across, reach * up, image.data, 4 * i);
    image.data[4 * i + 3] = 255 * Math.min(edge, 1);
  }
  return image;
}

// [L, a, b] of #rrggbb.
export function hexToLab(hex) {
  const light = [1, 3, 5].map((i) => toLinear(parseInt(hex.slice(i, i + 2), 16) / 255));
  const xyz = [
    [0.4124530, 0.3575800, 0.1804230],
    [0.2126710, 0.7151600, 0.0721690],
    [0.0193340, 0.1191930, 0.9502270],
  ].map((row) => curve(row.reduce((sum, m, i) => sum + m * light[i], 0) / row.reduce((sum, m) => sum + m, 0)));
  return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
}

// Mean of (width x height) gray codes over each of (w x h) cells, 0..1.
export function boxReduce(gray, width, height, w, h) {
  const shares = (size, cells) =>
    Array.from({ length: cells }, (_, cell) => {
      const [from, to] = [(cell * size) / cells, ((cell + 1) * size) / cells];
      const list = [];
      for (let i = Math.floor(from); i < Math.min(Math.ceil(to), size); i++) {
        list.push([i, Math.min(i + 1, to) - Math.max(i, from)]);
      }
      return list;
    });
  const columns = shares(width, w);
  const result = new Float32Array(w * h);
  const line = new Float32Array(width);
  shares(height, h).forEach((rows, row) => {
    line.fill(0);
    for (const [y, share] of rows) for (let x = 0, at = y * width; x < width; x++, at++) line[x] += share * gray[at];
    const tall = rows.reduce((sum, [, share]) => sum + share, 0);
    columns.forEach((list, column) => {
      let [sum, wide] = [0, 0];
      for (const [x, share] of list) {
        sum += share * line[x];
        wide += share;
      }
      result[row * w + column] = sum / (255 * tall * wide);
    });
  });
  return result;
}

// Mean over 3 x 3 cells; at the border over the part inside.
function box(x, w, h) {
  const across = new Float32Array(w * h);
  const result = new Float32Array(w * h);
  for (let i = 0; i < w * h; i++) {
    const column = i % w;
    const [left, right] = [column > 0, column < w - 1];
    across[i] = (x[i] + (left ? x[i - 1] : 0) + (right ? x[i + 1] : 0)) / (1 + left + right);
  }
  for (let i = 0; i < w * h; i++) {
    const [above, below] = [i >= w, i < w * (h - 1)];
    result[i] = (across[i] + (above ? across[i - w] : 0) + (below ? across[i + w] : 0)) / (1 + above + below);
  }
  return result;
}

// The lines: for each cell slope of a, slope of b, offset of a, offset of b, so that ab = slope g + offset, g 0..1.
// g: brightness of the cells; colors: {width, height, data: a plane of a, then one of b, Lab units}.
export function makeLines(g, { width: w, height: h, data }) {
  const n = w * h;
  const map = (f) => Float32Array.from({ length: n }, (_, i) => f(i));
  const mean = box(g, w, h);
  const square = box(map((i) => g[i] * g[i]), w, h);
  const lines = new Float32Array(4 * n);
  for (const c of [0, 1]) {
    const ab = data.subarray(c * n, (c + 1) * n);
    const meanAb = box(ab, w, h);
    const meanGab = box(map((i) => g[i] * ab[i]), w, h);
    const slope = box(map((i) => (meanGab[i] - mean[i] * meanAb[i]) / (square[i] - mean[i] ** 2 + EPSILON)), w, h);
    for (let i = 0; i < n; i++) {
      lines[4 * i + c] = slope[i];
      lines[4 * i + 2 + c] = ab[i] - slope[i] * g[i]; // each line passes through its own cell
    }
  }
  return { width: w, height: h, data: lines };
}

// For each of `size` pixels the cell before it and the share of the cell after it, centres aligned.
function positions(size, cells) {
  const before = new Int32Array(size);
  const share = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = Math.min(Math.max(((i + 0.5) * cells) / size - 0.5, 0), cells - 1);
    before[i] = Math.min(Math.floor(at), Math.max(cells - 2, 0));
    share[i] = at - before[i];
  }
  return { before, share };
}

// Paint gray codes (width x height) with lines: an ImageData.
export function paint(gray, width, height, lines, { saturation = 1, warmth = 0 } = {}) {
  const image = new ImageData(width, height);
  const out = image.data;
  const [cells, data] = [lines.width, lines.data];
  const columns = positions(width, cells);
  const rows = positions(height, lines.height);
  const row = new Float32Array(4 * cells);
  for (let y = 0, at = 0; y < height; y++) {
    const [top, down] = [rows.before[y] * 4 * cells, rows.share[y]];
    const below = lines.height > 1 ? 4 * cells : 0;
    for (let i = 0; i < 4 * cells; i++) row[i] = data[top + i] * (1 - down) + data[top + below + i] * down;
    for (let x = 0; x < width; x++, at++) {
      const [i, share] = [4 * columns.before[x], columns.share[x]];
      const j = cells > 1 ? i + 4 : i;
      const code = gray[at];
      const g = code / 255;
      const a = (row[i] * g + row[i + 2]) * (1 - share) + (row[j] * g + row[j + 2]) * share;
      const b = (row[i + 1] * g + row[i + 3]) * (1 - share) + (row[j + 1] * g + row[j + 3]) * share;
      join(FY[code], Y[code], saturation * (a + warmth * WARM[0]), saturation * (b + warmth * WARM[1]), out, 4 * at);
      out[4 * at + 3] = 255;
    }
  }
  return image;
}

// The gray codes of a picture at a size: Uint8Array. Pictures of the server are gray, so one channel says it all.
export function grayOf(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]);
}

// a and b of lines at a place (shares of the picture) where the gray code is `code`.
export function abAt({ width, height, data }, across, down, code) {
  const column = Math.min(Math.floor(across * width), width - 1);
  const row = Math.min(Math.floor(down * height), height - 1);
  const at = 4 * (row * width + column);
  return [0, 1].map((c) => (data[at + c] * code) / 255 + data[at + 2 + c]);
}

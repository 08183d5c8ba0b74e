// The picture on the graphics card: the same arithmetic as paint.js, for every pixel of the screen.

import { DELTA, MARK, STRONGEST, SURE, TO_RGB, WARM } from "./paint.js";

const float = (x) => (Number.isInteger(x) ? `${x}.0` : `${x}`);

const VERTEX = `#version 300 es
void main() { // one triangle over the whole canvas
  gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D plate, lines, sure;
uniform ivec2 cells;
uniform vec2 canvas, origin, size; // px of the canvas, from its top left
uniform float split, saturation, warmth, guess, colored;
out vec4 color;

float cube(float f) { return f > ${DELTA} ? f * f * f : ${3 * DELTA * DELTA} * (f - ${4 / 29}); }
float curve(float t) { return t > ${DELTA ** 3} ? pow(t, ${1 / 3}) : t / ${3 * DELTA * DELTA} + ${4 / 29}; }
float decoded(float v) { return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4); }
vec3 encoded(vec3 v) { return mix(1.055 * pow(max(v, 0.0031308), vec3(${1 / 2.4})) - 0.055, v * 12.92, lessThanEqual(v, vec3(0.0031308))); }
vec3 joined(float fy, float y, vec2 ab) {
  vec3 xyz = vec3(cube(fy + ab.x / 500.0), y, cube(fy - ab.y / 200.0));
  return vec3(${TO_RGB.map((row) => `dot(vec3(${row.map(float).join(", ")}), xyz)`).join(", ")});
}
bool outside(vec3 v) { return any(lessThan(v, vec3(-0.001))) || any(greaterThan(v, vec3(1.001))); }

void main() {
  vec2 pixel = vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y);
  vec2 at = (pixel - origin) / size;
  if (any(lessThan(at, vec2(0))) || any(greaterThan(at, vec2(1)))) { color = vec4(0); return; }
  vec3 photo = texture(plate, at).rgb;
  color = vec4(photo, 1);
  if (pixel.x < split || colored > 0.5) return;
  float g = photo.r;
  // Linear between the centres of four cells.
  vec2 place = clamp(at * vec2(cells) - 0.5, vec2(0), vec2(cells - 1));
  ivec2 first = min(ivec2(place), max(cells - 2, ivec2(0)));
  ivec2 last = min(first + 1, cells - 1);
  vec2 share = place - vec2(first);
  vec4 line = mix(
    mix(texelFetch(lines, first, 0), texelFetch(lines, ivec2(last.x, first.y), 0), share.x),
    mix(texelFetch(lines, ivec2(first.x, last.y), 0), texelFetch(lines, last, 0), share.x), share.y);
  vec2 ab = saturation * (line.xy * g + line.zw + warmth * vec2(${WARM.map(float).join(", ")}));
  float y = decoded(g), fy = curve(y);
  vec3 rgb = joined(fy, y, ab);
  if (outside(rgb)) {
    float low = 0.0, high = 1.0;
    for (int i = 0; i < 9; i++) {
      float middle = (low + high) / 2.0;
      if (outside(joined(fy, y, middle * ab))) high = middle; else low = middle;
    }
    rgb = joined(fy, y, low * ab);
  }
  rgb = encoded(clamp(rgb, 0.0, 1.0));
  float doubt = guess * ${float(STRONGEST)} * clamp(1.0 - texture(sure, at).r / ${float(SURE)}, 0.0, 1.0);
  color = vec4(mix(rgb, vec3(${MARK.map((code) => float(code / 255)).join(", ")}), doubt), 1);
}`;

// A painter on a canvas, or null where there is no WebGL 2.
export function glPainter(canvas) {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  const place = Object.fromEntries(
    ["plate", "lines", "sure", "cells", "canvas", "origin", "size", "split", "saturation", "warmth", "guess", "colored"]
      .map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  const textures = ["plate", "lines", "sure"].map((name, unit) => {
    gl.activeTexture(gl.TEXTURE0 + unit);
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    const filter = name === "lines" ? gl.NEAREST : gl.LINEAR;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, name === "plate" ? gl.LINEAR_MIPMAP_LINEAR : filter);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
    gl.uniform1i(place[name], unit);
    return texture;
  });
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  const put = (unit, upload) => {
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, textures[unit]);
    upload();
  };

  return {
    largest: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    plate(bitmap) {
      put(0, () => {
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
        gl.generateMipmap(gl.TEXTURE_2D);
      });
    },
    lines({ width, height, data }) {
      put(1, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, width, height, 0, gl.RGBA, gl.FLOAT, data));
      gl.uniform2i(place.cells, width, height);
    },
    sure(bitmap) {
      put(2, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap));
    },
    draw({ x, y, width, height, split, saturation, warmth, guess, colored }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.uniform2f(place.canvas, canvas.width, canvas.height);
      gl.uniform2f(place.origin, x, y);
      gl.uniform2f(place.size, width, height);
      gl.uniform1f(place.split, split);
      gl.uniform1f(place.saturation, saturation);
      gl.uniform1f(place.warmth, warmth);
      gl.uniform1f(place.guess, guess ? 1 : 0);
      gl.uniform1f(place.colored, colored ? 1 : 0);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    },
  };
}

// The client of /v1: what the page can do, curl can.

export class Problem extends Error {
  constructor({ code = "E_NETWORK", detail = "", status = 0, seconds = 0 }) {
    super(detail);
    Object.assign(this, { code, detail, status, seconds });
  }
}

async function post(path, { photo, options, like, signal }) {
  const form = new FormData();
  form.append("options", JSON.stringify(options));
  if (like) form.append("like", like, "like");
  form.append("photo", photo, "photo");
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body: form, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({});
  }
  return await checked(answer);
}

async function checked(answer) {
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const seconds = Number(answer.headers.get("Retry-After")) || 0;
  throw new Problem({ code: problem.code ?? "E_INTERNAL", detail: problem.detail, status: answer.status, seconds });
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// Small colours as the server gives them: hundredths of Lab units, little-endian, a plane of a, then one of b.
function colorsOf({ width, height, data }) {
  const view = new DataView(bytesOf(data).buffer);
  const values = Float32Array.from({ length: 2 * width * height }, (_, i) => view.getInt16(2 * i, true) / 100);
  return { width, height, data: values };
}

// A pixel of 255: some models do not know how sure they are, and nothing is marked then.
const WHITE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==";

// What the network says of a photo: facts, small colours, how sure they are, a preview and proposals if asked for.
export async function predict(request) {
  const found = await (await post("/v1/predict", request)).json();
  const blob = (text, type) => new Blob([bytesOf(text)], { type });
  return {
    facts: { width: found.width, height: found.height, isColor: found.is_color, format: found.format },
    remarks: found.remarks,
    colors: colorsOf(found.ab),
    sure: { mean: found.confidence?.mean ?? null, blob: blob(found.confidence?.png ?? WHITE, "image/png") },
    preview: found.preview && { ...found.preview, blob: blob(found.preview.jpeg, "image/jpeg"), jpeg: undefined },
    proposals: found.proposals.map((one) => ({ hints: one.hints, colors: colorsOf(one.ab) })),
  };
}

// The photo in colour, as a file.
export async function colorize(request) {
  const answer = await post("/v1/colorize", request);
  return await answer.blob();
}

// Films: what the server takes (null: none), how one is sent, and what is asked of one that is there.
export async function takesFilms() {
  const answer = await fetch("/v1/limits").catch(() => null);
  return answer?.ok ? (await answer.json()).film : null;
}

export function sendFilm(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much of a body is sent
    request.open("POST", "/v1/films");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      const { status, response } = request;
      if (status === 201) resolve(response);
      else reject(new Problem({ code: response?.code ?? "E_INTERNAL", detail: response?.detail, status }));
    };
    request.onerror = () => reject(new Problem({}));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export async function askFilm(method, path) {
  const answer = await fetch(`/v1/films/${path}`, { method }).catch(() => {
    throw new Problem({});
  });
  await checked(answer);
  return answer.status === 204 ? null : await answer.json();
}

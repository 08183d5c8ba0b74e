// The interface for programs, to read and to try: made from /openapi.json, nothing is fetched from elsewhere.

const LONGEST = 400; // characters of a text in an answer that are shown

const api = await (await fetch("/openapi.json")).json();
document.querySelector("#about").textContent = api.info.description;

const make = (tag, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
};

// The field of an option: a choice, a number or text, by its JSON schema.
function field(name, schema) {
  const kinds = schema.anyOf ?? [schema];
  const choices = kinds.flatMap((kind) => kind.enum ?? (kind.type === "boolean" ? ["true", "false"] : []));
  const file = schema.format === "binary";
  const input = choices.length
    ? make("select", {}, ...["", ...choices].map((value) => make("option", { textContent: value, value })))
    : make("input", { type: file ? "file" : "text", placeholder: String(schema.default ?? "") });
  input.name = name;
  return make("label", {}, name, input, make("span", { textContent: schema.description ?? "" }));
}

function fieldsOf(operation) {
  const form = operation.requestBody?.content["multipart/form-data"]?.schema.properties ?? {};
  return Object.entries(form).filter(([name]) => name !== "options" && name !== "file");
}

// What was filled in: [name, value or file].
const filled = (form) =>
  [...new FormData(form)].filter(([, value]) => (value instanceof File ? value.size : value.trim()));

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf(method, path, form) {
  const parts = filled(form).map(([name, value]) => `-F ${quoted(value instanceof File ? `${name}=@${value.name}` : `${name}=${value}`)}`);
  const out = path === "/v1/colorize" ? ["-o colour.jpg"] : [];
  const how = parts.length || method === "GET" ? [] : ["-X POST"];
  return ["curl", ...how, ...parts, location.origin + path, ...out].join(" ");
}

const shortened = (key, value) =>
  typeof value === "string" && value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;

async function show(answer, place) {
  const type = answer.headers.get("content-type") ?? "";
  const head = [`${answer.status} ${answer.statusText}`, ...[...answer.headers].map((pair) => pair.join(": "))].join("\n");
  const parts = [make("pre", { textContent: head, tabIndex: 0 })];
  if (type.startsWith("image/")) {
    const blob = await answer.blob();
    const url = URL.createObjectURL(blob);
    parts.push(make("img", { src: url, alt: "The answer" }));
    parts.push(make("p", {}, make("a", { href: url, download: "colorized", textContent: `Save (${blob.size} bytes)` })));
  } else {
    const text = await answer.text();
    const json = type.includes("json");
    parts.push(make("pre", { textContent: json ? JSON.stringify(JSON.parse(text), shortened, 2) : text, tabIndex: 0 }));
  }
  place.replaceChildren(...parts);
}

function section(path, method, operation) {
  const part = document.querySelector("#route").content.firstElementChild.cloneNode(true);
  const find = (selector) => part.querySelector(selector);
  find(".method").textContent = method.toUpperCase();
  find(".path").textContent = path;
  find(".what").textContent = operation.summary ?? "";
  find(".fields").append(...fieldsOf(operation).map(([name, schema]) => field(name, schema)));
  for (const [status, { description }] of Object.entries(operation.responses)) {
    find("dl").append(make("dt", { textContent: status }), make("dd", { textContent: description }));
  }
  const form = find("form");
  const curl = () => (find(".curl").textContent = curlOf(method.toUpperCase(), path, form));
  form.addEventListener("input", curl);
  curl();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    find(".state").textContent = "…";
    const body = new FormData();
    for (const [name, value] of filled(form)) body.append(name, value);
    const start = performance.now();
    try {
      await show(await fetch(path, method === "get" ? {} : { method, body }), find(".answer"));
      find(".state").textContent = `${Math.round(performance.now() - start)} ms`;
    } catch (error) {
      find(".state").textContent = error.message;
    }
  });
  return part;
}

for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    document.querySelector("#routes").append(section(path, method, operation));
  }
}

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
function field(name, schema, where) {
  const kinds = schema.anyOf ?? [schema];
  const choices = kinds.flatMap((kind) => kind.enum ?? (kind.type === "boolean" ? ["true", "false"] : []));
  const file = schema.format === "binary";
  const input = choices.length
    ? make("select", {}, ...["", ...choices].map((value) => make("option", { textContent: value, value })))
    : make("input", { type: file ? "file" : "text", placeholder: String(schema.default ?? "") });
  input.name = name;
  input.required = where === "path" || where === "body";
  return make("label", {}, name, input, make("span", { textContent: schema.description ?? "" }));
}

// What can be filled in, as [name, schema, where it goes: path, query, form or body].
function fieldsOf({ requestBody, parameters = [] }) {
  const form = requestBody?.content["multipart/form-data"]?.schema.properties;
  const given = parameters.map((one) => [one.name, one.schema, one.in]);
  if (form) {
    const parts = Object.entries(form).filter(([name]) => name !== "options" && name !== "file");
    return [...given.filter(([, , where]) => where === "path"), ...parts.map(([name, schema]) => [name, schema, "form"])];
  }
  const file = requestBody?.content["application/octet-stream"]?.schema;
  return file ? [...given, ["body", file, "body"]] : given;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A request as it was filled in: its path, the parts of a form, and a file as the body.
function requestOf(path, fields, form) {
  const all = [...new FormData(form)].filter(([, value]) => (value instanceof File ? value.size : value.trim()));
  const inside = (wanted) => all.filter(([name]) => fields.some(([field, , where]) => field === name && where === wanted));
  const query = new URLSearchParams(inside("query")).toString();
  const values = Object.fromEntries(inside("path"));
  const filled = path.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? encodeURIComponent(values[name]) : whole));
  return { path: filled + (query && `?${query}`), parts: inside("form"), file: inside("body")[0]?.[1] };
}

function curlOf(method, { path, parts, file }) {
  const given = parts.map(([name, value]) => `-F ${quoted(value instanceof File ? `${name}=@${value.name}` : `${name}=${value}`)}`);
  if (file) given.push(`--data-binary ${quoted(`@${file.name}`)}`);
  const out = path === "/v1/colorize" ? ["-o colour.jpg"] : [];
  const how = method === (given.length ? "POST" : "GET") ? [] : [`-X ${method}`];
  const address = location.origin + path;
  return ["curl", ...how, ...given, /[?{]/.test(path) ? quoted(address) : address, ...out].join(" ");
}

function send(method, { path, parts, file }) {
  const form = new FormData();
  for (const [name, value] of parts) form.append(name, value);
  const body = file ?? (parts.length ? form : undefined);
  return fetch(path, { method, body });
}

const shortened = (key, value) =>
  typeof value === "string" && value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;

async function show(answer, place) {
  const type = answer.headers.get("content-type") ?? "";
  const head = [`${answer.status} ${answer.statusText}`, ...[...answer.headers].map((pair) => pair.join(": "))].join("\n");
  const parts = [make("pre", { textContent: head, tabIndex: 0 })];
  if (/^(image|video)\//.test(type)) {
    const blob = await answer.blob();
    const url = URL.createObjectURL(blob);
    if (type.startsWith("image/")) parts.push(make("img", { src: url, alt: "The answer" }));
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
  const fields = fieldsOf(operation);
  find(".fields").append(...fields.map(([name, schema, where]) => field(name, schema, where)));
  for (const [status, { description }] of Object.entries(operation.responses)) {
    find("dl").append(make("dt", { textContent: status }), make("dd", { textContent: description }));
  }
  const form = find("form");
  const request = () => requestOf(path, fields, form);
  const curl = () => (find(".curl").textContent = curlOf(method.toUpperCase(), request()));
  form.addEventListener("input", curl);
  curl();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    find(".state").textContent = "…";
    const start = performance.now();
    try {
      await show(await send(method.toUpperCase(), request()), find(".answer"));
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

// The words of the page: words/<language>.json. A translation is a file beside en.json, named here.

const LANGUAGES = ["en"];

let words = {};
let plural = new Intl.PluralRules("en");

export async function loadWords() {
  const wanted = (navigator.languages ?? []).map((name) => name.slice(0, 2).toLowerCase());
  const language = wanted.find((name) => LANGUAGES.includes(name)) ?? "en";
  const load = async (name) => (await fetch(`/words/${name}.json`)).json();
  words = { ...(await load("en")), ...(language === "en" ? {} : await load(language)) };
  plural = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

// The words of a key, with {name} replaced; where there are several by number, those for `count`.
export function t(key, values = {}) {
  const found = words[key] ?? key;
  const text = typeof found === "string" ? found : (found[plural.select(values.count ?? 1)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// What went wrong, in a person's words. The server's details are of the file, "is a text file, not a photo", and may end
// with an option for programs, which the page has as a button.
export function wordsOf({ code, detail, message = "" }) {
  const own = (detail ?? message).replace(/; allow_truncated.*/, "").replace(/^(?=(is|has|holds|cannot|ends|takes) )/, "it ");
  return t(code in words ? code : "E_INTERNAL", { detail: own });
}

// Whether what can be read of a damaged file may be had.
export const isCut = (problem) => /allow_truncated/.test(problem?.detail);

// Put the words into a part of the page: data-t is what stands there, data-t-label its name for those who hear it.
export function fill(root = document) {
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of root.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", t(one.dataset.tLabel));
    if (one.matches("button:not([data-t])")) one.title = t(one.dataset.tLabel);
  }
}

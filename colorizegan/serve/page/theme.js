// Light or dark, as the system has it until the visitor says otherwise.

const root = document.documentElement;
const DARK = matchMedia("(prefers-color-scheme: dark)");

function show() {
  const chosen = localStorage.getItem("theme");
  if (chosen) root.dataset.theme = chosen;
}

export function changeTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : DARK.matches;
  localStorage.setItem("theme", dark ? "light" : "dark");
  show();
}

show();

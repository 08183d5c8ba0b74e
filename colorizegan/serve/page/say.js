// What the page says in one line, for a moment, also to those who hear it.

const line = document.querySelector("#say");
let timer = 0;

export function say(text, bad = false) {
  line.textContent = text;
  line.classList.toggle("bad", bad);
  line.classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(() => line.classList.remove("shown"), bad ? 9000 : 4000);
}

// What the page says in one line, for a moment, also to those who hear it.

const line = document.querySelector("#say");
const [text, button] = line.children;
let timer = 0;

// `long` where it has to be read with care; `undo`: takes back what was just done.
export function say(words, long = false, undo = null) {
  text.textContent = words;
  button.hidden = !undo;
  button.onclick = () => {
    line.classList.remove("shown");
    undo();
  };
  line.classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(() => line.classList.remove("shown"), long ? 9000 : 4000);
}

// What a slider stands at: beside it, and for those who hear it.

export const percent = (share) => `${Math.round(100 * share)} %`;
export const signed = (share) => `${share > 0 ? "+" : ""}${Math.round(100 * share)}`;

export function setSlider(input, value, text) {
  input.value = value;
  input.setAttribute("aria-valuetext", text);
  input.parentElement.querySelector(".value").textContent = text;
}

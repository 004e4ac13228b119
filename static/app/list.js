// Whoever chooses a filter has said what he wants; without the script the button says it.
for (const form of document.querySelectorAll("form.search")) {
  for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
}

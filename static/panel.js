// Niceties of the operator's panel: without this file its texts are there to be selected.

const said = document.body.dataset;
const told = document.getElementById("told");

// A frame of another origin may write to the clipboard only where its owner lets it; what is selected it always may.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "label";
    area.setAttribute("aria-hidden", "true");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function show(button, text) {
  button.nextElementSibling?.classList.contains("copied") && button.nextElementSibling.remove();
  const mark = document.createElement("span");
  mark.className = "copied";
  mark.textContent = text;
  button.after(mark);
  told.textContent = "";
  requestAnimationFrame(() => { told.textContent = text; });
  setTimeout(() => mark.remove(), 2000);
}

function copies(button, text) {
  button.type = "button";
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const done = await copy(text);
    button.focus();
    show(button, done ? said.copied : said.failed);
  });
}

for (const place of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.className = "copy";
  button.append(...place.childNodes);
  button.setAttribute("aria-label", `${said.copyLabel} ${button.textContent.trim()}`);
  button.title = said.copyLabel;
  copies(button, place.dataset.copy);
  place.append(button);
}

for (const place of document.querySelectorAll("[data-ready]")) {
  const button = document.createElement("button");
  button.textContent = said.copyReady;
  copies(button, place.dataset.ready);
  const line = document.createElement("div");
  line.append(button);
  place.append(line);
}

// After a search the reader goes on at what was found, not at the top.
document.querySelector("[data-first]")?.focus();

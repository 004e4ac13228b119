// A page out of the browser's memory has a form that may have been sent already.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-draft]") && !document.querySelector("div.wrong")) location.reload();
});

// What went wrong is read out and on the screen.
document.querySelector("div.wrong")?.focus();

// The words survive a closed lid and a way back: in this tab alone, and until they are kept by the server. What it shows
// to be kept is remembered as sent, so that a way back does not fill it in again.
const GOING = "going";
const stored = (key, otherwise) => JSON.parse(sessionStorage.getItem(key)) ?? otherwise;
const store = (key, value) => {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Too much for the browser's store: the form itself still has it.
  }
};
const letters = (text) => text.replace(/\s+/g, "");
const done = document.querySelector("[data-done]")?.dataset.done;
if (done) {
  const ofDone = (key) => key === done || key.startsWith(`${done}:`);
  for (const key of Object.keys(sessionStorage).filter(ofDone)) sessionStorage.removeItem(key);
  const going = stored(GOING);
  const last = document.querySelector("#last .text");
  if (going && ofDone(going.key) && (!last || letters(last.textContent) === letters(going.values.text))) {
    store(`sent:${going.key}`, [...stored(`sent:${going.key}`, []), going.values].slice(-5));
    sessionStorage.removeItem(going.from);
    sessionStorage.removeItem(GOING);
  }
}
for (const form of document.querySelectorAll("form.write")) {
  keepDraft(form);
  form.querySelectorAll("[data-limit]").forEach(countLeft);
  showFiles(form.querySelector(".attach"));
  const send = form.querySelector("[type=submit]");
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit(send);
  });
  form.addEventListener("submit", (event) => {
    if (send.disabled) return event.preventDefault();
    // A button that sends it elsewhere names the draft of that place.
    const elsewhere = event.submitter?.dataset.draft;
    const from = form.dataset.draft;
    if (from) store(GOING, { key: elsewhere ?? from, from, values: values(form) });
    send.disabled = true;
    if (!elsewhere) send.lastElementChild.textContent = `${send.dataset.busy}…`;
  });
}

function fieldsOf(form) {
  return [...form.querySelectorAll("textarea, select, input:not([type])")];
}

function values(form) {
  return Object.fromEntries(fieldsOf(form).map((field) => [field.name, field.value]));
}

function keepDraft(form) {
  const key = form.dataset.draft;
  const fields = fieldsOf(form);
  const text = form.querySelector("textarea");
  // Where the browser does not grow it by itself.
  const grow = () => {
    if (CSS.supports("field-sizing", "content")) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  };
  const typed = fields.filter((field) => field.type !== "select-one");
  if (key && typed.every((field) => !field.value)) {
    const kept = stored(key, {});
    // An order that was asked for stays.
    for (const field of fields) if (kept[field.name] && !field.value) field.value = kept[field.name];
  }
  grow();
  form.addEventListener("input", () => {
    grow();
    if (key) store(key, values(form));
  });
  // The browser fills in what stood there when the page was left; what the server has written stays.
  addEventListener("pageshow", () => {
    const filled = typed.filter((field) => field.value !== field.defaultValue);
    if (!key || !filled.includes(text) || document.querySelector("div.wrong")) return;
    const sent = stored(`sent:${key}`, []);
    if (sent.some((one) => filled.every((field) => field.value === one[field.name]))) form.reset();
    grow();
  });
}

// How much may still be written, once that is little. The server counts as this does: a pair of halves is one character.
function countLeft(field) {
  const { limit, left, over } = field.dataset;
  const said = Object.assign(document.createElement("p"), { className: "hint counter", id: `${field.id}-left`, hidden: true });
  const number = new Intl.NumberFormat(locale);
  const count = () => {
    const rest = field.value.length < limit * 0.9 ? Infinity : limit - [...field.value].length;
    said.hidden = rest > limit * 0.1;
    said.classList.toggle("over", rest < 0);
    if (!said.hidden) said.textContent = (rest < 0 ? over : left).replace("{num}", number.format(Math.abs(rest)));
  };
  field.after(said);
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${said.id}`.trim());
  field.form.addEventListener("input", count);
  addEventListener("pageshow", count);
}

// What is chosen, as chips that can be taken back; what will not do is said before it is uploaded.
function showFiles(box) {
  if (!box) return;
  const input = box.querySelector("input");
  const list = box.querySelector(".chosen");
  const refused = box.querySelector(".refused");
  const { files: most, bytes, many, extra, big, empty, remove, units } = box.dataset;
  const [kb, mb] = units.split("|");
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const bare = new Intl.NumberFormat(locale, { style: "unit", unit: "byte", unitDisplay: "long" });
  const sized = (size) => {
    if (size < 1000) return bare.format(size);
    return size < 1e6 ? kb.replace("{size}", Math.round(size / 1000)) : mb.replace("{size}", number.format(size / 1e6));
  };
  let chosen = [];
  box.classList.add("scripted");

  const fault = (file) => (file.size > Number(bytes) ? big : file.size === 0 ? empty : "");
  const put = (files) => {
    chosen = files;
    const carrier = new DataTransfer();
    for (const file of chosen) carrier.items.add(file);
    input.files = carrier.files;
    list.replaceChildren(...chosen.map(chip));
    list.hidden = !chosen.length;
    const wrong = [...new Set([chosen.length > Number(most) ? `${many} ${extra.replace("{num}", chosen.length - most)}` : "", ...chosen.map(fault)])].filter(Boolean);
    refused.textContent = wrong.join(" ");
    refused.hidden = !wrong.length;
    input.setCustomValidity(wrong.join(" "));
  };
  const chip = (file, at) => {
    const item = document.createElement("li");
    item.className = fault(file) || at >= Number(most) ? "chip wrong" : "chip";
    const name = Object.assign(document.createElement("bdi"), { className: "name", textContent: file.name });
    const size = Object.assign(document.createElement("span"), { className: "kind", textContent: sized(file.size) });
    const away = Object.assign(document.createElement("button"), { type: "button", ariaLabel: remove.replace("{name}", file.name) });
    away.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#cross"/></svg>';
    away.addEventListener("click", () => {
      put(chosen.filter((other) => other !== file));
      (list.querySelectorAll("button")[Math.min(at, chosen.length - 1)] ?? input).focus();
    });
    item.append(name, size, away);
    return item;
  };
  const add = (files) => put([...chosen, ...[...files].filter((file) => !chosen.some((one) => same(one, file)))]);
  const same = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

  input.addEventListener("change", () => add(input.files));
  const form = box.closest("form");
  form.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), add(event.clipboardData.files)));
  for (const name of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      box.classList.toggle("over", name === "dragover");
      if (name === "drop") add(event.dataTransfer.files);
    });
  }
}

// A message on its way: the messages alone are drawn anew, so that whoever is typing the next one is not disturbed.
const pauses = [1, 1, 2, 3, 5, 8, 15, 30, 60, 60];
function follow() {
  const shown = document.querySelector(".messages:has([data-sending])");
  if (!shown || !pauses.length) return;
  setTimeout(async () => {
    try {
      const { url, html } = await read(shown.dataset.at);
      // A new request that has arrived is at another address.
      if (url !== new URL(shown.dataset.at, location.href).href) return location.replace(shown.dataset.at);
      const anew = new DOMParser().parseFromString(html, "text/html").querySelector(".messages");
      if (anew && anew.textContent !== shown.textContent) putInPlace(shown, anew);
    } catch {
      // Offline for a moment: the next try tells.
    }
    follow();
  }, pauses.shift() * 1000);
}
follow();

// What is drawn anew takes the place of what was there; what the visitor has opened stays open, and he stays where he is.
function putInPlace(here, there) {
  const [before, after] = [here, there].map((part) => [...part.querySelectorAll("a, button, summary")]);
  const at = before.indexOf(document.activeElement);
  const traits = ["tagName", "href", "className", "textContent"];
  const same = (one) => traits.every((trait) => one[trait] === before[at][trait]);
  const opened = [...here.querySelectorAll("details")].map((one) => one.open);
  there.querySelectorAll("details").forEach((one, at) => (one.open = Boolean(opened[at])));
  for (const link of here.querySelectorAll("a[data-picture][aria-expanded=true]")) {
    const twin = there.querySelector(`a[href="${link.getAttribute("href")}"]`);
    if (!twin) continue;
    twin.setAttribute("aria-expanded", true);
    twin.parentElement.append(link.parentElement.querySelector("img"));
  }
  here.replaceWith(document.adoptNode(there));
  // Never on another one: what is pressed next would be another deed.
  if (at >= 0) after.find(same)?.focus({ preventScroll: true });
}

// A picture opens below its name and closes again. In a tab of its own without the script, or as the visitor's keys say.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const there = link.parentElement.querySelector("img");
  link.setAttribute("aria-expanded", !there);
  if (there) return there.remove();
  const picture = Object.assign(document.createElement("img"), { src: link.href, alt: link.querySelector(".name").textContent });
  // What only calls itself a picture is saved; what cannot be had is said by the browser, and the page stays.
  picture.addEventListener("error", () => {
    picture.remove();
    link.setAttribute("aria-expanded", false);
    link.parentElement.querySelector(".get").click();
  });
  link.parentElement.append(picture);
});

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
      if (anew && anew.textContent !== shown.textContent) shown.replaceWith(document.adoptNode(anew));
    } catch {
      // Offline for a moment: the next try tells.
    }
    follow();
  }, pauses.shift() * 1000);
}
follow();

// A picture opens below its name and closes again. In a tab of its own without the script, or as the visitor's keys say.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const there = link.parentElement.querySelector("img");
  link.setAttribute("aria-expanded", !there);
  if (there) return there.remove();
  const picture = Object.assign(document.createElement("img"), { src: link.href, alt: link.querySelector(".name").textContent });
  // What only calls itself a picture is saved.
  picture.addEventListener("error", () => (picture.remove(), location.assign(link.href)));
  link.parentElement.append(picture);
});

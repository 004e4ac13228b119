// An archive that is being made shows how far it has come, and the page is shown anew when it is ready.
const archive = document.querySelector("[data-archive]");
if (archive) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const page = new DOMParser().parseFromString((await read(location.href)).html, "text/html");
      const now = page.querySelector("[data-archive]");
      if (!now) return location.reload();
      if (now.textContent !== archive.textContent) archive.replaceChildren(...now.childNodes);
    } catch {
      // Offline for a moment: the next try tells.
    }
  }, 3000);
}

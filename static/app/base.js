// Niceties only: every page works without this file.

const locale = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });

// "2 hours ago" stays true while the page is open. Older times are dates already, and those the server has written.
const sixHours = 6 * 3600_000;
function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const age = Date.now() - Date.parse(time.dateTime);
    if (age >= 60_000 && age < sixHours) {
      const minutes = Math.floor(age / 60_000);
      const text = minutes < 60 ? relative.format(-minutes, "minute") : relative.format(-Math.floor(minutes / 60), "hour");
      if (time.textContent !== text) time.textContent = text;
    }
  }
}
refreshTimes();
setInterval(() => document.hidden || refreshTimes(), 30_000);

const read = async (url) => {
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  return { url: answer.url, html: await answer.text() };
};

// A page that is still being fetched asks quietly, and is shown anew once there is something to show.
const pending = document.querySelector("[data-pending]");
if (pending) {
  let left = Number(pending.dataset.pending);
  const pause = Number(pending.dataset.every) * 1000;
  const ask = async () => {
    left -= 1;
    try {
      if (!(await read(location.href)).html.includes("data-pending")) return location.reload();
    } catch {
      // Offline for a moment: the next try tells.
    }
    if (left > 0) return setTimeout(ask, pause);
    pending.querySelector(".late").hidden = false;
  };
  setTimeout(ask, pause);
}

// An open page looks again when something has happened: one connection a browser, held by one of its visible tabs and
// shared with the others. No tab visible, no connection. Without any of this a page is as it was when it was opened.
const live = document.querySelector("[data-live]");
if (live) keepUp();

function keepUp() {
  const parts = [".title", ".strips", ".messages", ".acts", ".tabs", ".requests"];
  const tabs = "BroadcastChannel" in self ? new BroadcastChannel("portal-live") : null;
  const title = document.title;
  let end = () => {};
  let waiting = null;
  let polling = 0;
  let looking = false;
  let again = false;

  const look = async () => {
    if (document.hidden) return;
    if (looking) return void (again = true);
    looking = true;
    try {
      const { url, html } = await read(location.href);
      if (new URL(url).pathname === location.pathname) show(new DOMParser().parseFromString(html, "text/html"));
    } catch {
      // Offline for a moment: the next news tells.
    }
    looking = false;
    if (again) {
      again = false;
      look();
    }
  };

  // Nothing is taken from under somebody's hands.
  const isInUse = (part) =>
    [...part.querySelectorAll("input, textarea")].some((one) => one === document.activeElement || one.value !== one.defaultValue || one.checked !== one.defaultChecked);

  // When the shop has done something last, as far as the page shows: a long conversation drops its oldest message.
  const newest = () =>
    Math.max(0, ...[...document.querySelectorAll(".theirs time, .requests .new time")].map((one) => Date.parse(one.dateTime)));

  const show = (anew) => {
    const had = newest();
    for (const part of parts) {
      const here = document.querySelector(part);
      const there = anew.querySelector(part);
      if (!here || !there || here.textContent === there.textContent || isInUse(here)) continue;
      putInPlace(here, there);
    }
    refreshTimes();
    if (newest() <= had) return;
    live.textContent = live.dataset.news;
    if (!document.hasFocus()) document.title = `● ${title}`;
  };

  const poll = () => {
    clearInterval(polling);
    polling = setInterval(look, 30_000);
  };

  // Ends when the tab is hidden, or when nobody is to come back.
  const listen = () =>
    new Promise((done) => {
      const source = new EventSource(live.dataset.live);
      let opened = false;
      end = () => {
        source.close();
        done();
      };
      source.addEventListener("open", () => {
        clearInterval(polling);
        if (opened) look(); // what was told while it was away
        opened = true;
      });
      source.addEventListener("changed", () => {
        tabs?.postMessage("changed");
        look();
      });
      source.addEventListener("ended", () => end());
      source.addEventListener("error", () => {
        if (source.readyState !== EventSource.CLOSED) return;
        end();
        poll();
      });
    });

  const start = () => {
    if (!navigator.locks) return listen();
    waiting = new AbortController();
    navigator.locks.request("portal-live", { signal: waiting.signal }, listen).catch(() => {});
  };

  const stop = () => {
    waiting?.abort();
    clearInterval(polling);
    end();
    end = () => {};
  };

  tabs?.addEventListener("message", look);
  addEventListener("focus", () => (document.title = title));
  addEventListener("pagehide", stop);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return stop();
    look();
    start();
  });
  if (!document.hidden && "EventSource" in self) start();
}

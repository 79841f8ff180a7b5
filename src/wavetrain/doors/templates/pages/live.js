// Keeps the parts of a page that carry data-live as they are now. Without it the page is whole as well.
"use strict";
(() => {
  const main = document.querySelector("[data-events]");
  if (!main || !window.EventSource) return;
  const state = document.getElementById("live-state");
  let waits = false, again = false, at = 0;
  const QUIET_MS = 1000, LAST_MS = 2500;
  let last = 0;

  function put(page) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.isEqualNode(part)) continue;
      const held = part.contains(document.activeElement) ? document.activeElement : null;
      if (held && held.matches("input, select, textarea")) continue;
      const key = held && (held.id ? "#" + CSS.escape(held.id) : held.href ? `a[href="${CSS.escape(held.getAttribute("href"))}"]` : "");
      const mine = document.adoptNode(fresh);
      part.replaceWith(mine);
      if (key) mine.querySelector(key)?.focus();
    }
  }

  async function look() {
    if (waits) { again = true; return; }
    waits = true;
    const pause = at + QUIET_MS - Date.now();
    if (pause > 0) await new Promise((go) => setTimeout(go, pause));
    at = Date.now();
    again = false;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual", headers: { Accept: "text/html", "X-Live": "1" } });
      if (answer.ok) {
        put(new DOMParser().parseFromString(await answer.text(), "text/html"));
        if (state) state.textContent = "Live.";
      } else if (answer.type === "opaqueredirect") {
        source.close();
        if (state) state.textContent = "Your login is over; open the page again.";
      }
    } catch { /* the next event asks again */ }
    waits = false;
    if (again && !document.hidden) look();
  }

  function hear() { if (document.hidden) again = true; else look(); }

  const source = new EventSource(main.dataset.events);
  source.onmessage = () => {
    clearTimeout(last);
    last = setTimeout(hear, LAST_MS); // what was shown may have been two seconds old (overlook.py)
    hear();
  };
  source.onerror = () => { if (state) state.textContent = "Not live: the control plane is away."; };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) look(); });
})();

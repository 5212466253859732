// What a screen does beside being read: it shows what changed without being asked, and filters as one chooses.
"use strict";

const WORKING = new Set(["CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_STOPPING", "DELETE_PENDING", "DELETE_IN_PROGRESS"]);

// A screen with something unfinished fetches itself again, and takes the new content in where the person is not typing.
function follow(wait) {
  const unfinished = [...document.querySelectorAll("[data-reload]")].some((each) => WORKING.has(each.dataset.reload));
  if (!unfinished) return;
  setTimeout(async () => {
    try {
      const busy = document.activeElement && document.activeElement.closest("main form");
      if (!busy && !document.hidden && !document.querySelector("main form [data-touched]")) {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.ok && !answer.redirected) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
          const open = [...document.querySelectorAll("main details")].map((each) => each.open);
          document.querySelector("main").replaceWith(fresh);
          [...document.querySelectorAll("main details")].forEach((each, k) => { if (open[k]) each.open = true; });
          prepare();
        }
      }
    } catch { /* the server is away: it is asked again */ }
    follow(Math.min(wait * 1.2, 8000));
  }, wait);
}

// A form of filters sends itself when a choice is made; its button stays for the keyboard.
function prepare() {
  for (const form of document.querySelectorAll("form[data-auto]")) {
    for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
  }
  for (const form of document.querySelectorAll("main form:not([data-auto])")) {
    form.addEventListener("input", (event) => { event.target.dataset.touched = ""; });
    form.addEventListener("submit", () => {
      for (const button of form.querySelectorAll("button")) { button.disabled = true; }
    });
  }
}

prepare();
follow(1500);

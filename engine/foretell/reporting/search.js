"use strict";
// Searches the rows of a page whose items all stand in it.
(() => {
  for (const list of document.querySelectorAll(".items.searched")) {
    const rows = [...list.querySelectorAll(":scope > details")];
    if (rows.length < 2) continue;
    const texts = rows.map((row) => row.querySelector("summary b").textContent.toLowerCase());
    const box = document.createElement("input"), said = document.createElement("p");
    box.type = "search";
    box.placeholder = "Search " + rows.length.toLocaleString("en") + " items";
    box.setAttribute("aria-label", "Search items");
    said.className = "note";
    said.setAttribute("aria-live", "polite");
    list.prepend(box);
    list.append(said);
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      rows.forEach((row, k) => {
        row.hidden = !words.every((word) => texts[k].includes(word));
        found += !row.hidden;
      });
      said.textContent = words.length ? found.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " items" : "";
    });
  }
})();

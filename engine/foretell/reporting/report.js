"use strict";
// Sorts and searches the items of a report, and draws those whose pictures are not in the page, as item_svg.py draws them.
(() => {
  const block = document.getElementById("item-data");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const root = document.getElementById("item-table");
  const list = root.querySelector(".list"), tools = root.querySelector(".tools"), foot = root.querySelector(".more");
  const PAGE = 100, LEFT = 96, RIGHT = 1264, UP = 16, DOWN = 296, LABELS = 330, LANE = 52, MISSING = 255, TOP = 254;
  const rows = new Map([...list.children].map((row) => [Number(row.dataset.item), row]));
  const texts = data.names.map((name, k) => (name + "\n" + data.tags[data.tag[k]]).toLowerCase());
  const state = { column: "", up: false, words: "", shown: 25 };

  // Numbers, as numbers.py writes them

  const fixed = (value, digits) => {
    const scale = 10 ** digits, text = (Math.floor(Math.abs(value) * scale + 0.5) / scale).toFixed(digits);
    return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  };
  const signed = (value, text) => (value < 0 && /[1-9]/.test(text) ? "\u2212" : "") + text;
  const units = (value) => {
    const size = Math.abs(value), digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
    const text = fixed(value, digits);
    return signed(value, digits ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
  };
  const percent = (value) => signed(value, fixed(100 * value, Math.abs(value) >= 0.995 ? 0 : 1)) + " %";
  const written = (value, kind) => {
    if (value === null || value === undefined) return "\u2013";
    const plus = kind.startsWith("signed") && value > 0 ? "+" : "";
    return plus + (kind.endsWith("percent") ? percent(value) : units(value));
  };

  // Rows

  const made = (tag, kind, text) => {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const cell = (column, k) => {
    const value = data.numbers[column.name][k];
    const tone = column.tone && value ? (value < 0 ? "good" : "bad") : "";
    return made("span", ["n", column.wide ? "wide" : "", tone].filter(Boolean).join(" "), written(value, column.kind));
  };
  const row = (k) => {
    if (rows.has(k)) return rows.get(k);
    const details = made("details"), summary = made("summary", "row"), name = made("b");
    details.dataset.item = k;
    const text = made("bdi", "", data.names[k]);
    text.dir = "auto";
    name.append(text);
    if (data.tags[data.tag[k]]) name.append(" ", made("i", "", data.tags[data.tag[k]]));
    summary.append(name, ...data.columns.map((column) => cell(column, k)));
    const picture = made("div", "picture");
    details.append(summary, picture);
    details.addEventListener("toggle", () => { if (details.open && !picture.hasChildNodes()) show(picture, k); });
    rows.set(k, details);
    return details;
  };

  // Pictures

  let codes;
  const unpacked = async () => {
    const bytes = Uint8Array.from(atob(data.codes), (mark) => mark.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const show = async (place, k) => {
    if (k >= data.pictures) return void place.append(made("p", "note", "No picture: the page would be too large. The files have its numbers."));
    try {
      codes = codes || (await unpacked());
    } catch {
      return void place.append(made("p", "note", "This browser cannot unpack the picture."));
    }
    const width = codes.length / (data.pictures - data.drawn), first = (k - data.drawn) * width;
    place.append(drawing(codes.subarray(first, first + width), k));
  };
  const svg = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const x = (t) => Math.floor(LEFT + (t * (RIGHT - LEFT)) / Math.max(data.past + data.horizon - 1, 1) + 0.5);
  const y = (code, up = UP, down = DOWN) => Math.floor(down - (code * (down - up)) / TOP + 0.5);
  const points = (values, first, up, down) => {
    let path = "", before = false;
    values.forEach((code, k) => {
      const there = code !== MISSING;
      if (there) {
        path += (before ? "L" : "M") + x(first + k) + " " + y(code, up, down);
        if (!before && (k + 1 === values.length || values[k + 1] === MISSING)) path += "h0";
      }
      before = there;
    });
    return path;
  };
  const band = (low, high) => {
    const ways = [...[...high].map((code, k) => [k, code]), ...[...low].map((code, k) => [k, code]).reverse()];
    const there = ways.filter(([, code]) => code !== MISSING).map(([k, code]) => x(data.past + k) + " " + y(code));
    return there.length ? "M" + there.join("L") + "Z" : "";
  };
  const blocks = (values, height) => {
    let path = "", begin = -1;
    [...values, 0].forEach((code, t) => {
      const on = code < MISSING && code > TOP / 2;
      if (on && begin < 0) begin = t;
      if (!on && begin >= 0) {
        path += "M" + x(begin - 0.5) + " " + height + "H" + x(t - 0.5);
        begin = -1;
      }
    });
    return path;
  };
  const grid = (k) => {
    const low = data.low[k], high = data.high[k], parts = [];
    for (const [code, value] of [[0, low], [TOP / 2, (low + high) / 2], [TOP, high]]) {
      parts.push(svg("path", { class: "grid", d: "M" + LEFT + " " + y(code) + "H" + RIGHT }));
      parts.push(svg("text", { x: LEFT - 10, y: y(code) + 8, class: "end" }, units(value)));
    }
    parts.push(svg("path", { class: "origin", d: "M" + x(data.past) + " " + UP + "V" + DOWN }));
    for (const [t, label] of data.ticks[data.tick.length ? data.tick[k] : 0]) {
      const side = t === 0 ? "start" : t >= data.past + data.horizon - 1 ? "end" : "middle";
      parts.push(svg("text", { x: x(t), y: LABELS, class: side }, label));
    }
    return parts;
  };
  const lanes = (values) => {
    const width = data.past + data.horizon, parts = [];
    let at = data.past + data.horizon * data.series.length;
    data.lanes.forEach((lane, k) => {
      const top = LABELS + 14 + LANE * k;
      let own = lane.shared;
      if (!own) {
        own = values.subarray(at, at + width);
        at += width;
      }
      const ends = lane.flag ? "" : " " + units(lane.low) + " to " + units(lane.high);
      parts.push(svg("text", { x: LEFT, y: top + 16, class: "start" }, lane.name + ends));
      const shape = lane.flag ? blocks(own, top + 34) : points(own, 0, top + 22, top + 46);
      parts.push(svg("path", { class: lane.flag ? "flag" : "known", d: shape }));
    });
    return parts;
  };
  const drawing = (values, k) => {
    const part = (name) => {
      const first = data.past + data.series.indexOf(name) * data.horizon;
      return values.subarray(first, first + data.horizon);
    };
    const line = (kind, some, first) => svg("path", { class: kind, d: points(some, first) });
    const height = LABELS + 14 + LANE * data.lanes.length;
    const root = svg("svg", { class: "item", viewBox: "0 0 1280 " + height, role: "img", "aria-label": data.names[k] });
    root.append(...grid(k), svg("path", { class: "fan", d: band(part("low"), part("high")) }));
    for (const name of data.series.slice(data.series.indexOf("mean") + 1)) {
      root.append(line("other s" + data.recipes.indexOf(name), part(name), data.past));
    }
    root.append(line("past", values.subarray(0, data.past), 0));
    if (data.series.includes("actual")) {
      root.append(line("actual", [values[data.past - 1], ...part("actual")], data.past - 1));
    }
    root.append(line("median", part("median"), data.past), line("mean", part("mean"), data.past), ...lanes(values));
    return root;
  };

  // Searching and sorting

  const order = () => {
    const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...data.names.keys()].filter((k) => words.every((word) => texts[k].includes(word)));
    const values = data.numbers[state.column];
    const rank = (a, b) => {
      if (state.column === "item") return data.names[a] < data.names[b] ? -1 : data.names[a] > data.names[b] ? 1 : 0;
      return values[a] - values[b];
    };
    const absent = (k) => state.column !== "item" && values[k] === null;
    if (state.column) {
      found.sort((a, b) => absent(a) - absent(b) || (absent(a) ? 0 : state.up ? rank(a, b) : rank(b, a)) || a - b);
    }
    return found;
  };
  const update = () => {
    const found = order(), shown = found.slice(0, state.shown);
    list.replaceChildren(...shown.map(row));
    const count = (number) => number.toLocaleString("en");
    foot.textContent = shown.length < found.length ? count(shown.length) + " of " + count(found.length) + " items. " : count(found.length) + " items. ";
    if (shown.length < found.length) {
      const button = made("button", "", "Show " + count(Math.min(PAGE, found.length - shown.length)) + " more");
      button.addEventListener("click", () => { state.shown += PAGE; update(); });
      foot.append(button);
    }
  };
  const sortable = (head, column) => {
    const button = made("button", "", head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      state.up = state.column === column ? !state.up : column === "item";
      state.column = column;
      state.shown = 25;
      root.querySelectorAll(".heads button").forEach((each) => each.removeAttribute("data-sorted"));
      button.dataset.sorted = state.up ? "up" : "down";
      update();
    });
  };
  root.querySelectorAll(".heads [data-column]").forEach((head) => sortable(head, head.dataset.column));
  sortable(root.querySelector(".heads b"), "item");
  const search = made("input");
  search.type = "search";
  search.placeholder = "Search items";
  search.setAttribute("aria-label", "Search items");
  search.addEventListener("input", () => { state.words = search.value; state.shown = 25; update(); });
  tools.append(search);
  update();
})();

"use strict";
// Moves a deadline or a budget along the front that the page carries, and shows the sizes of the point it meets.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const points = data.points;
  const svg = document.getElementById("front");
  const deadline = document.getElementById("deadline");
  const budget = document.getElementById("budget");
  const told = document.getElementById("told");
  const cells = Array.from(document.querySelectorAll("[data-size]"));
  if (!points.length || !svg) return;
  const width = 720, height = 300, left = 64, bottom = 54, top = 14, right = 16;
  // The line takes at least half of an axis: sizes in use that are farther away are marked at its end.
  function ends(n) {
    const own = points.map((p) => p[n]), least = Math.min(...own), most = Math.max(...own);
    const room = (most - least) / 2 || most / 10;
    const now = data.now ? data.now[n] : most;
    return [Math.min(least, Math.max(now, least - room)), Math.max(most, Math.min(now, most + room))];
  }
  const [low, high] = [0, 1].map((side) => [0, 1].map((n) => ends(n)[side]));
  const within = (v, n) => Math.min(Math.max(v, low[n]), high[n]);
  const part = (v, n) => (high[n] > low[n] ? (within(v, n) - low[n]) / (high[n] - low[n]) : 0.5);
  const x = (t) => left + part(t, 0) * (width - left - right);
  const y = (c) => height - bottom - part(c, 1) * (height - bottom - top - 20);
  const { ms, money, timeUnit } = words(data.sign);

  function make(name, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key of Object.keys(attributes)) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return svg.appendChild(node);
  }
  // Round values along an axis, some five of them.
  function ticks(n) {
    const rough = (high[n] - low[n]) / 4 || high[n] || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
    const found = [];
    for (let k = Math.ceil(low[n] / step); k * step <= high[n]; k += 1) found.push(k * step);
    return found;
  }
  const [factor, unit] = timeUnit(high[0]);
  for (const c of ticks(1)) {
    make("line", { class: "grid", x1: left, x2: width - right, y1: y(c), y2: y(c) });
    make("text", { x: left - 8, y: y(c) + 4, "text-anchor": "end", class: "label" }, high[1] < 15 ? money(c) : money(c).replace(/\.00$/, ""));
  }
  for (const t of ticks(0)) {
    const told = `${(t * factor).toLocaleString("en-US", { maximumFractionDigits: 3 })} ${unit}`;
    make("text", { x: x(t), y: height - 32, "text-anchor": "middle", class: "label" }, told);
  }
  make("text", { x: 4, y: top, class: "label" }, "cost per million executions");
  make("text", { x: (left + width - right) / 2, y: height - 2, "text-anchor": "middle", class: "label" }, "time of an execution");
  const steps = [];
  points.forEach((p, n) => {
    if (n) steps.push(x(p[0]) + "," + y(points[n - 1][1]));
    steps.push(x(p[0]) + "," + y(p[1]));
  });
  make("polyline", { points: steps.join(" ") });
  const bound = make("line", { class: "bound", x1: 0, x2: 0, y1: 0, y2: 0 });
  if (data.now) {
    const at = x(data.now[0]), level = y(data.now[1]), right = at > width / 2;
    make("circle", { class: "now", cx: at, cy: level, r: 6 });
    const place = { x: at + (right ? -10 : 10), y: level + (right ? 20 : -10), "text-anchor": right ? "end" : "start", class: "label" };
    make("text", place, `now: ${ms(data.now[0])}, ${money(data.now[1])}`);
  }
  const dot = make("circle", { class: "chosen", cx: 0, cy: 0, r: 6 });

  function show(index, line) {
    const p = points[index];
    dot.setAttribute("cx", x(p[0]));
    dot.setAttribute("cy", y(p[1]));
    const place = line.time !== undefined
      ? { x1: x(line.time), x2: x(line.time), y1: top + 16, y2: height - bottom }
      : { x1: left, x2: width - right, y1: y(line.cost), y2: y(line.cost) };
    for (const key of Object.keys(place)) bound.setAttribute(key, place[key]);
    told.textContent = ms(p[0]) + ", " + money(p[1]) + " per million executions";
    cells.forEach((cell, n) => {
      cell.textContent = p[2][n];
      cell.classList.toggle("changed", p[2][n] !== cell.dataset.now);
    });
  }
  function keeping(value) {
    let found = 0;
    points.forEach((p, n) => { if (p[0] <= value) found = n; });
    return found;
  }
  function paidBy(value) {
    const found = points.findIndex((p) => p[1] <= value);
    return found < 0 ? points.length - 1 : found;
  }
  function prepare(input, n, act) {
    input.min = points[n === 0 ? 0 : points.length - 1][n];
    input.max = points[n === 0 ? points.length - 1 : 0][n];
    input.step = "any";
    input.value = points[data.chosen][n];
    input.addEventListener("input", () => act(Number(input.value)));
  }
  prepare(deadline, 0, (value) => {
    const index = keeping(value);
    budget.value = points[index][1];
    show(index, { time: value });
  });
  prepare(budget, 1, (value) => {
    const index = paidBy(value);
    deadline.value = points[index][0];
    show(index, { cost: value });
  });
  document.getElementById("explore").hidden = false;
  show(data.chosen, { time: points[data.chosen][0] });
})();

(() => {
  const data = JSON.parse(document.getElementById("numbers").textContent);
  const rows = data.rows.map(([memory, architecture, d, dl, dh, c, cl, ch, p95, measured]) => ({
    memory, architecture, p95, measured,
    duration: { mean: d, low: dl, high: dh },
    cost: { mean: c, low: cl, high: ch },
  }));
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, fields = {}) => Object.assign(document.createElement(name), fields);
  const SVG = "http://www.w3.org/2000/svg";
  const draw = (name, attributes) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  const { grouped, ms, money, percent, count, msRange, moneyRange } = words(data.sign);
  const place = (row) => `${grouped(row.memory, 0)} MB on ${row.architecture}`;

  for (const element of all(".js")) element.hidden = false;

  // Copy buttons.
  for (const pre of all(".copied pre")) {
    const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(pre.textContent); button.textContent = "Copied"; } catch {
        getSelection().selectAllChildren(pre); button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    pre.before(button);
  }

  // Legends switch their series on and off.
  for (const figure of all("figure.chart")) {
    for (const item of all(".legend li", figure)) {
      const series = item.dataset.series;
      const button = make("button", { type: "button", className: item.className, textContent: item.textContent });
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        for (const group of all(`[data-series="${series}"]`, figure.querySelector("svg"))) group.classList.toggle("off", !on);
      });
      item.className = "";
      item.replaceChildren(button);
    }
  }

  // A pixel for a value, as reports/charts/svg.py places it.
  const at = (scale, value) => {
    const f = scale.log ? Math.log : (v) => v;
    const held = Math.min(Math.max(value, scale.low), scale.high);
    return scale.start + (f(held) - f(scale.low)) / (f(scale.high) - f(scale.low)) * (scale.end - scale.start);
  };

  // Estimated candidates have no mark of their own: give each an invisible one that tells its numbers.
  const memoryChart = document.querySelector("#chart-memory svg");
  if (memoryChart?.querySelector(".curve:not(.fitted)")) {
    const { x, panels } = JSON.parse(memoryChart.dataset.scales);
    const below = memoryChart.querySelector(".series");
    const layers = {};
    for (const { figure, y, factor } of panels) for (const row of rows) {
      if (row.measured) continue;
      const [tell, range] = figure === "duration" ? [(value) => ms(value), (low, high) => msRange(low, high)] : [money, moneyRange];
      const [mean, low, high] = ["mean", "low", "high"].map((end) => row[figure][end] * factor);
      const group = draw("g", { class: "pt hit", role: "img" });
      group.append(draw("circle", { cx: at(x, row.memory), cy: at(y, mean), r: 6 }));
      const title = draw("title", {});
      title.textContent = `${grouped(row.memory, 0)} MB ${row.architecture}: ${tell(mean)} (${range(low, high)}), estimated, not measured`;
      group.append(title);
      // Below the measured marks, which keep the pointer to themselves.
      layers[row.architecture] ??= memoryChart.insertBefore(
        draw("g", { class: `series ${row.architecture}`, "data-series": row.architecture }), below);
      layers[row.architecture].append(group);
    }
  }

  // Hover and focus tell the numbers; the arrow keys walk through the marks of a chart.
  const tip = document.getElementById("tip");
  const show = (mark) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + box.width / 2 - own.width / 2), document.documentElement.clientWidth - own.width - 8);
    const above = box.top - own.height - 8;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above < 4 ? box.bottom + 8 : above) + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const svg of all("figure.chart svg")) {
    // From left to right, and from above where marks share a place.
    const across = (mark) => { const box = mark.getBBox(); return [box.x + box.width / 2, box.y]; };
    const marks = all(".pt", svg).map((mark) => [mark, ...across(mark)])
      .sort((a, b) => a[1] - b[1] || a[2] - b[2]).map(([mark]) => mark);
    for (const [index, mark] of marks.entries()) {
      const title = mark.querySelector("title");
      mark.setAttribute("aria-label", title.textContent);
      title.remove();
      mark.setAttribute("tabindex", index === 0 ? "0" : "-1");
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", hide);
      mark.addEventListener("focus", () => show(mark));
      mark.addEventListener("blur", hide);
    }
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      const shown = marks.filter((mark) => !mark.closest(".off"));
      const now = shown.indexOf(document.activeElement);
      if (!step || now < 0) return;
      event.preventDefault();
      const next = shown[(now + step + shown.length) % shown.length];
      marks.forEach((mark) => mark.setAttribute("tabindex", mark === next ? "0" : "-1"));
      next.focus();
    });
  }

  // Sortable table.
  const table = document.querySelector("table.sortable");
  if (table) {
    const body = table.tBodies[0];
    const value = (row, column) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent.trim() : +cell.dataset.v;
    };
    // What is not known comes last in either direction.
    const compare = (a, b, direction) => {
      if (typeof a === typeof b) return direction * (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
      return typeof a === "number" ? -1 : 1;
    };
    all("th", table.tHead).forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        all("th", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const sorted = [...body.rows].sort((a, b) => compare(value(a, column), value(b, column), up ? 1 : -1));
        body.append(...sorted);
      });
      head.replaceChildren(button);
    });
    document.getElementById("only-measured").addEventListener("change", (event) => {
      for (const row of body.rows) row.hidden = event.target.checked && !row.classList.contains("measured");
    });
  }

  // The recommended row of a long table is in view from the start.
  const chosen = document.querySelector("table.sortable tr.recommended");
  if (chosen) {
    const box = chosen.closest(".scroll");
    box.scrollTop = Math.max(0, chosen.offsetTop - box.clientHeight / 2);
  }

  // Explore: the recommendation follows the wish.
  const form = document.getElementById("explore");
  if (!form || !rows.length) return;
  const fields = form.elements;
  const start = () => {
    fields.strategy.value = data.strategy;
    fields.weight.value = data.weight;
    fields.p95.value = data.constraints.max_p95_ms ?? "";
    fields.cost.value = data.constraints.max_cost_per_million_usd ?? "";
    fields.memory.value = data.constraints.min_memory_mb ?? "";
    fields.traffic.value = data.month ?? 1e6;
  };
  const traffic = () => +fields.traffic.value || 0;
  // What was chosen stands in the address, so that a link can be shared.
  const KEPT = ["strategy", "weight", "p95", "cost", "memory", "traffic"];
  const keep = () => {
    const kept = new URLSearchParams();
    for (const name of KEPT) if (fields[name].value !== defaults[name]) kept.set(name, fields[name].value);
    try { history.replaceState(null, "", kept.size ? `#${kept}` : location.pathname + location.search); } catch { /* an address that must not change */ }
  };
  const restore = () => {
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const name of KEPT) {
      const value = kept.get(name);
      if (value !== null && (name === "strategy" ? ["cost", "speed", "balanced"].includes(value) : value !== "" && Number.isFinite(+value))) fields[name].value = value;
    }
  };
  const compared = (share, better, worse) =>
    Math.abs(share) < 0.0005 ? "" : `${percent(share)} ${share > 0 ? better : worse}`;
  // As in the headline: 85% of the duration saved is 6.9 times as fast.
  const faster = (share) =>
    share >= 0.5 && share < 1 ? `${(1 / (1 - share)).toFixed(1)} times as fast` : compared(share, "faster", "slower");
  const recommended = (row) => row.memory === data.recommended[0] && row.architecture === data.recommended[1];
  // For the recommendation itself the result knows more: the paired comparison.
  const saved = (now, row, index, figure) =>
    data.saving && recommended(row) ? data.saving[index] : 1 - row[figure].mean / now[figure].mean;
  const explore = () => {
    const wish = {
      strategy: fields.strategy.value,
      weight: +fields.weight.value,
      tolerance: data.tolerance,
      constraints: {
        max_p95_ms: +fields.p95.value || null,
        max_cost_per_million_usd: +fields.cost.value || null,
        min_memory_mb: +fields.memory.value || null,
      },
    };
    fields.weight.disabled = wish.strategy !== "balanced";
    fields.weightTold.value = wish.weight.toFixed(2);
    const row = rows[choose(rows, wish)];
    const unmet = violation(row, wish.constraints) > 0;
    const now = data.current && rows.find((r) => r.memory === data.current[0] && r.architecture === data.current[1]);
    const against = now && now !== row
      ? "against now " + ([compared(saved(now, row, 0, "cost"), "cheaper", "more expensive"), faster(saved(now, row, 1, "duration"))]
        .filter(Boolean).join(", ") || "no difference") : now ? "what is in use now" : "";
    const parts = [
      make("strong", { textContent: place(row) }),
      `: ${ms(row.duration.mean)} (${msRange(row.duration.low, row.duration.high)}), p95 ${ms(row.p95)}, ` +
      `${money(row.cost.mean * 1e6)} per million (${moneyRange(row.cost.low * 1e6, row.cost.high * 1e6)}), ` +
      `${money(row.cost.mean * traffic())} a month` + (against ? `; ${against}` : "") + ".",
    ];
    if (unmet) parts.push(make("em", { textContent: " No configuration meets the bounds; this one comes closest." }));
    if (!row.measured) parts.push(make("span", { className: "note", textContent: " Estimated, not measured itself." }));
    fields.found.replaceChildren(...parts);
    const known = recommended(row);
    for (const ring of all(".wish")) ring.classList.toggle("off", known);
    if (known) return;
    point("chart-memory", row.memory, { cost: row.cost.mean, duration: row.duration.mean });
    point("chart-trade-off", row.duration.mean, { "trade-off": row.cost.mean });
  };
  // A dashed ring in the charts shows where the explored choice lies.
  const point = (id, horizontal, vertical) => {
    const svg = document.querySelector(`#${id} svg`);
    if (!svg) return;
    const { x, panels } = JSON.parse(svg.dataset.scales);
    for (const { figure, y, factor } of panels) {
      let ring = svg.querySelector(`.wish[data-figure="${figure}"]`);
      if (!ring) svg.append(ring = draw("circle", { class: "wish", r: 12, "data-figure": figure }));
      ring.setAttribute("cx", at(x, horizontal));
      ring.setAttribute("cy", at(y, vertical[figure] * factor));
    }
  };
  form.addEventListener("input", () => { explore(); keep(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { start(); explore(); keep(); }));
  start();
  const defaults = Object.fromEntries(KEPT.map((name) => [name, fields[name].value]));
  restore();
  explore();
})();

"use strict";
// Draws what Go has laid out in report: see curves.go, sweep.go, heat.go and flame.go.
(() => {
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = i => css("--c" + i % 8);

  function ns(v) {
    if (v == null) return "";
    for (const [from, per, unit] of [[1e9, 1e9, " s"], [1e6, 1e6, " ms"], [1e3, 1e3, " µs"]]) {
      if (v >= from * 0.9995) return +(v / per).toPrecision(3) + unit;
    }
    return +v.toPrecision(3) + " ns";
  }

  // number with a prefix, for a setting such as a rate or a size
  function short(v) {
    for (const [from, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (v >= from) return +(v / from).toPrecision(3) + unit;
    }
    return String(+v.toPrecision(3));
  }

  // 1/(1-part) as a percentile: 1000 is p99.9
  function percentile(x) {
    if (x <= 1) return "0 %";
    const nines = Math.log10(x);
    return (100 * (1 - 1 / x)).toFixed(Math.max(0, Math.ceil(nines - 2 - 1e-9))) + " %";
  }

  // the powers of ten within a scale, of which each is labelled if there is room
  const tens = (u, axis, min, max) => {
    const out = [];
    for (let p = Math.floor(Math.log10(min)); p <= Math.ceil(Math.log10(max)); p++) {
      const v = Math.pow(10, p);
      if (v >= min * 0.999 && v <= max * 1.001) out.push(v);
    }
    return out;
  };

  // one more line between powers of ten, where there are few
  const tensAndMore = (u, axis, min, max) => {
    const all = tens(u, axis, min, max);
    if (all.length > 3) return all;
    const out = [];
    for (let p = Math.floor(Math.log10(min)); p <= Math.ceil(Math.log10(max)); p++) {
      for (const m of [1, 2, 5]) {
        const v = m * Math.pow(10, p);
        if (v >= min * 0.999 && v <= max * 1.001) out.push(v);
      }
    }
    return out;
  };

  const axis = more => Object.assign({
    stroke: () => css("--soft"), grid: { stroke: () => css("--grid"), width: 1 }, ticks: { stroke: () => css("--grid"), width: 1 },
    font: "12px system-ui, sans-serif",
  }, more);

  const timeAxis = () => axis({ splits: tensAndMore, values: (u, all) => all.map(ns), size: 62 });

  const charts = [];

  // add makes a chart now, and again when its room or the colours change.
  function add(el, make) {
    const draw = () => {
      if (el.clientWidth === 0) return; // in details that are shut
      const width = el.clientWidth, height = width < 560 ? 260 : 340;
      el.replaceChildren();
      make(width, height);
    };
    charts.push(draw);
    draw();
    let last = el.clientWidth;
    new ResizeObserver(() => requestAnimationFrame(() => { // not at once: drawing changes the size
      if (el.clientWidth !== last) {
        last = el.clientWidth;
        draw();
      }
    })).observe(el);
  }

  for (const el of document.querySelectorAll("[data-curves]")) {
    const c = report.curves[el.dataset.curves];
    add(el, (width, height) => new uPlot({
      width, height, padding: [8, 30, 0, 0],
      scales: { x: { time: false, distr: 3, log: 10 }, y: { distr: 3, log: 10 } },
      axes: [axis({ splits: tens, values: (u, all) => all.map(percentile) }), timeAxis()],
      series: [{ label: "part", value: (u, v) => v == null ? "" : percentile(v) }].concat(c.series.map((s, i) => ({
        label: s.name, stroke: colour(i), width: s.system ? 2 : 1.25, dash: s.system ? [] : [6, 4], points: { show: false },
        value: (u, v) => ns(v), show: i < 8,
      }))),
      cursor: { y: false },
    }, [c.x].concat(c.series.map(s => s.y)), el));
  }

  for (const el of document.querySelectorAll("[data-sweep]")) {
    const c = report.sweeps[el.dataset.sweep];
    add(el, (width, height) => new uPlot({
      width, height, padding: [8, 30, 0, 0],
      scales: { x: { time: false, distr: 3, log: 10 }, y: { distr: 3, log: 10 } },
      axes: [axis({ splits: tensAndMore, values: (u, all) => all.map(short) }), timeAxis()],
      series: [{ label: c.by, value: (u, v) => v == null ? "" : short(v) }].concat(c.series.map((s, i) => ({
        label: s.name, stroke: colour(i), width: 2, points: { show: true, size: 5, fill: colour(i) }, value: (u, v) => ns(v),
      }))),
      cursor: { y: false },
    }, [c.x].concat(c.series.map(s => s.y)), el));
  }

  // cells paints a heat's cells beneath the lines: the logarithm of a count is how dark it is.
  function cells(u, h) {
    let most = 1;
    for (const column of h.cells) {
      for (let i = 1; i < column.length; i += 2) most = Math.max(most, column[i]);
    }
    const ctx = u.ctx;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.fillStyle = css("--c0");
    h.cells.forEach((column, i) => {
      const left = u.valToPos(h.at[i], "x", true), right = u.valToPos(h.end[i], "x", true);
      for (let k = 0; k < column.length; k += 2) {
        const bottom = u.valToPos(h.bands[column[k]], "y", true), top = u.valToPos(h.bands[column[k] + 1], "y", true);
        ctx.globalAlpha = 0.08 + 0.72 * Math.log1p(column[k + 1]) / Math.log1p(most);
        ctx.fillRect(left, top, Math.max(right - left, 1) + 0.5, Math.max(bottom - top, 1));
      }
    });
    ctx.restore();
  }

  for (const el of document.querySelectorAll("[data-heat]")) {
    const h = report.heats[el.dataset.heat];
    const lowest = Math.min(...h.cells.filter(c => c.length).map(c => h.bands[c[0]])), highest = Math.max(...h.max) * 1.2;
    add(el, (width, height) => new uPlot({
      width, height, padding: [8, 30, 0, 0],
      scales: {
        x: { time: false, range: [h.at[0], h.end[h.end.length - 1]] },
        y: { distr: 3, log: 10, range: [lowest, highest] },
      },
      axes: [axis({ values: (u, all) => all.map(v => v + " s") }), timeAxis()],
      series: [{ label: "at", value: (u, v) => v == null ? "" : v.toFixed(2) + " s" }].concat([["p50", 2], ["p99", 1], ["max", 7]].map(([name, c]) => ({
        label: name, stroke: colour(c), width: 1.25, points: { show: false }, value: (u, v) => ns(v),
      }))),
      cursor: { y: false },
      hooks: { drawClear: [u => cells(u, h)] },
    }, [h.at, h.p50, h.p99, h.max], el));
  }

  // A flame graph: boxes from the root downwards. What is clicked becomes the whole width.
  for (const el of document.querySelectorAll("[data-flame]")) {
    const f = report.flames[el.dataset.flame], row = 17;
    const info = document.createElement("div");
    info.className = "flame-info";
    el.after(info);
    let zoom = 0;
    const show = () => {
      const width = el.clientWidth, [, zoomDepth, from, of] = f.frames[zoom];
      el.replaceChildren();
      let depth = 0;
      f.frames.forEach(([name, at, begin, size], i) => {
        const above = at < zoomDepth && begin <= from && begin + size >= from + of;
        if (!above && (begin + size <= from || begin >= from + of || at < zoomDepth)) return;
        const left = above ? 0 : width * (begin - from) / of, room = above ? width : width * size / of;
        if (room < 1) return;
        const box = document.createElement("button"), text = f.names[name];
        box.style.cssText = `left:${left}px;top:${at * row}px;width:${room}px;background:${warm(text)};opacity:${above ? .55 : 1}`;
        if (room > 24) box.textContent = text.replace(/^.*\//, ""); // without its package's path
        const said = `${text}: ${(size / 1e4).toFixed(2)} % of all`;
        box.title = said;
        box.onclick = () => { zoom = i; show(); };
        box.onmouseenter = box.onfocus = () => { info.textContent = said; };
        el.append(box);
        depth = Math.max(depth, at + 1);
      });
      el.style.height = depth * row + "px";
    };
    add(el, show);
  }

  // warm is a colour between red and yellow, always the same for a name; the runtime's and the kernel's are cooler.
  function warm(name) {
    let hash = 0;
    for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
    const part = (hash >>> 0) % 97 / 97;
    if (/^(runtime|internal\/runtime|syscall|internal\/poll|time)[.\/]/.test(name)) return `hsl(${170 + 40 * part} 45% 70%)`;
    return `hsl(${20 + 32 * part} 90% ${62 + 8 * part}%)`;
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(draw => draw()));
})();

// Percentile curves: how long, over how rare longer ones are, both by logarithmic axes.

import { fit, ink } from './canvas.js';
import { Histogram } from './histogram.js';
import { count, duration, table } from './format.js';

const HEIGHT = 300, FOOT = 36, HEAD = 10, SIDE = 58, RIGHT = 26;

// What is drawn: what it is called, its colour and its dashes, so that colour is not all that tells them apart.
const SERIES = [
  { key: 'doorbell', name: 'woken by a thread', dash: [] },
  { key: 'woken', name: 'woken otherwise', dash: [8, 3] },
  { key: 'preempted', name: 'preempted', dash: [2, 3] },
  { key: 'stopped', name: 'stopped', dash: [8, 3, 2, 3] },
  { key: 'interrupted', name: 'each interrupt', dash: [1, 2] },
  { key: 'gaps', name: 'gaps of a poller', dash: [12, 4] },
  { key: 'syscalls', name: 'system calls', dash: [4, 4] },
  { key: 'rtt', name: 'TCP round trips', dash: [6, 2, 2, 2] },
];

// gather adds the histograms of a summary up, of one core or, with null, of all.
export function gather(summary, id) {
  const all = Object.fromEntries(SERIES.map((s) => [s.key, new Histogram()]));
  for (const core of summary) {
    if (id !== null && core.id !== id) continue;
    for (const { key } of SERIES) {
      const h = core.waits[key] ?? core[key];
      if (h?.n) merge(all[key], h);
    }
  }
  return all;
}

function merge(into, h) {
  into.counts ??= new Float64Array(h.counts.length);
  h.counts.forEach((n, i) => (into.counts[i] += n));
  into.n += h.n;
  into.sum += h.sum;
  into.max = Math.max(into.max, h.max);
}

// drawCurves draws histograms, and others beside them in faint, if any.
export function drawCurves(canvas, histograms, beside) {
  const { g, width, height } = fit(canvas, HEIGHT);
  const colour = ink(), lines = [];
  for (const s of SERIES) {
    if (beside?.[s.key].n) lines.push({ ...s, points: beside[s.key].curve(), faint: true });
    if (histograms[s.key].n) lines.push({ ...s, points: histograms[s.key].curve() });
  }
  const values = lines.flatMap((l) => l.points.map((p) => Math.max(p[1], 1)));
  const low = 10 ** Math.floor(Math.log10(Math.min(1000, ...values))), high = 10 ** Math.ceil(Math.log10(Math.max(1e6, ...values) * 1.0001));
  const rarest = Math.max(1000, ...lines.map((l) => l.points.at(-1)[0])) * 1.0001;
  const x = (rarity) => SIDE + (Math.log(rarity) / Math.log(rarest)) * (width - SIDE - RIGHT);
  const y = (ns) => height - FOOT - (Math.log(Math.max(ns, low) / low) / Math.log(high / low)) * (height - FOOT - HEAD);

  g.lineWidth = 1;
  g.strokeStyle = colour('line');
  g.fillStyle = colour('soft');
  g.textAlign = 'right';
  for (let v = low; v <= high * 1.01; v *= 10) {
    stroke(g, [[SIDE, y(v)], [width - RIGHT, y(v)]]);
    g.fillText(duration(v).replace(/\.0+ /, ' '), SIDE - 8, y(v));
  }
  g.textAlign = 'center';
  let free = 0;
  for (const [rarity, name] of [[2, 'p50'], [10, 'p90'], [100, 'p99'], [1e3, 'p99.9'], [1e4, 'p99.99'], [1e5, 'p99.999'], [1e6, 'p99.9999']]) {
    if (rarity > rarest) break;
    stroke(g, [[x(rarity), HEAD], [x(rarity), height - FOOT]]);
    const half = g.measureText(name).width / 2;
    if (x(rarity) - half < free) continue;
    g.fillText(name, x(rarity), height - FOOT + 14);
    free = x(rarity) + half + 6;
  }
  for (const l of lines) {
    g.strokeStyle = colour(`series-${l.key}`);
    g.globalAlpha = l.faint ? 0.45 : 1;
    g.lineWidth = l.faint ? 1.5 : 2.25;
    g.setLineDash(l.dash);
    const points = [];
    for (const [rarity, ns] of l.points) points.push(...(points.length ? [[x(rarity), points.at(-1)[1]]] : []), [x(rarity), y(ns)]); // steps
    stroke(g, points);
    g.setLineDash([]);
    const [endX, endY] = points.at(-1);
    g.fillStyle = colour(`series-${l.key}`);
    g.beginPath();
    g.arc(endX, endY, l.faint ? 2.5 : 4, 0, 7);
    g.fill();
  }
  g.globalAlpha = 1;
  if (!lines.length) {
    g.fillStyle = colour('soft');
    g.fillText('Nothing of this was counted.', (width + SIDE) / 2, height / 2);
  }
}

function stroke(g, points) {
  g.beginPath();
  points.forEach(([px, py], i) => (i ? g.lineTo(px, py) : g.moveTo(px, py)));
  g.stroke();
}

// curvesTable is the same as figures, with the colours and dashes.
export function curvesTable(histograms, beside, key) {
  const rows = [];
  for (const s of SERIES) {
    for (const [h, which] of [[histograms[s.key], ''], [beside?.[s.key], ' (beside)']]) {
      if (!h?.n) continue;
      const name = key(s, which);
      rows.push([name, ...[0.5, 0.99, 0.999].map((q) => duration(h.quantile(q))), duration(h.max), count(h.n)]);
    }
  }
  if (!rows.length) return '';
  return table('The same as figures', ['', 'p50>', 'p99>', 'p99.9>', 'longest>', 'times>'], rows);
}

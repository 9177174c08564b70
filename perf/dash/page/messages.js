// How long messages took, by channel: a percentile over time, and a table of those that are looked at.

import { columns, fit, ink } from './canvas.js';
import { Histogram } from './histogram.js';
import { LEFT } from './heatmap.js';
import { clock, count, duration, element, printable, table } from './format.js';
import { note } from './tables.js';

const HEIGHT = 220, FOOT = 20, HEAD = 10;
const ROWS = 12;

export const QUANTILES = [{ q: 0.5, name: 'p50' }, { q: 0.99, name: 'p99' }, { q: 0.999, name: 'p99.9' }, { q: 1, name: 'longest' }];

// Lines differ by colour and by dashes.
const LINES = [
  { colour: 'series-doorbell', dash: [] }, { colour: 'series-preempted', dash: [8, 3] }, { colour: 'series-woken', dash: [2, 3] },
  { colour: 'series-interrupted', dash: [8, 3, 2, 3] }, { colour: 'series-gaps', dash: [12, 4] }, { colour: 'series-syscalls', dash: [4, 4] },
];

const channelOf = (m) => JSON.stringify([m.engine, m.channel, m.transport]);
const name = (m, owner) => `${printable(m.channel) || 'unnamed'} over ${m.transport || 'several'}, to ${owner(m.engine)}`;

// byChannel returns a sample's channels, whichever cores received: {m, n, at: a value for each of QUANTILES}. It is kept, as it takes a while.
function byChannel(sample) {
  if (!sample.look) return null;
  if (!sample.channels) {
    const all = new Map();
    for (const m of sample.look.messages) {
      const id = channelOf(m);
      if (!all.has(id)) all.set(id, { m, h: new Histogram() });
      all.get(id).h.add(m.times);
    }
    sample.channels = new Map([...all].map(([id, { m, h }]) => [id, { m, n: h.n, at: QUANTILES.map(({ q }) => (q === 1 ? h.max : h.quantile(q))) }]));
  }
  return sample.channels;
}

// owners returns a function that says whose an engine is.
function owners(samples) {
  const all = new Map(samples.flatMap((s) => s.look?.engines ?? []).map((e) => [e.name, e]));
  return (engine) => {
    const e = all.get(engine);
    return e ? `${printable(e.command)} ${e.pid || ''}`.trim() : 'a process that has ended';
  };
}

// busiest returns the channels that are drawn: those on which most messages came.
function busiest(samples) {
  const all = new Map();
  for (const s of samples) {
    for (const [id, { m, n }] of byChannel(s) ?? []) all.set(id, { id, m, n: n + (all.get(id)?.n ?? 0) });
  }
  return [...all.values()].filter((c) => c.n).sort((a, b) => b.n - a.n);
}

// points are [column, value or null] of a channel where there was a look: the highest of each column, so that no short spike is hidden.
function points(samples, cols, id, which) {
  const out = [];
  cols.forEach(([from, to], x) => {
    let most = null, looked = false;
    for (let i = from; i < to; i++) {
      const all = byChannel(samples[i]);
      if (samples[i].gap && out.length) out.push([x, null]);
      looked ||= all !== null;
      const c = all?.get(id);
      if (c?.n && (most === null || c.at[which] > most)) most = c.at[which];
    }
    if (looked) out.push([x, most]);
  });
  return out;
}

// drawMessages draws a percentile of the busiest channels over time, and returns the legend.
export function drawMessages(canvas, samples, which) {
  const { g, width, height } = fit(canvas, HEIGHT);
  const colour = ink(), plot = width - LEFT, cols = columns(samples, plot / 3), step = plot / Math.max(cols.length, 1), bottom = height - FOOT;
  const all = busiest(samples), lines = all.slice(0, LINES.length).map((c, i) => ({ ...c, ...LINES[i], points: points(samples, cols, c.id, which) }));
  const values = lines.flatMap((l) => l.points.map((p) => p[1])).filter((v) => v !== null).map((v) => Math.max(v, 1));
  const low = 10 ** Math.floor(Math.log10(Math.min(1e5, ...values))), high = 10 ** Math.ceil(Math.log10(Math.max(1e4, ...values) * 1.0001));
  const x = (col) => LEFT + (col + 0.5) * step, y = (ns) => bottom - (Math.log(Math.max(ns, low) / low) / Math.log(high / low)) * (bottom - HEAD);
  g.lineWidth = 1;
  g.strokeStyle = colour('line');
  g.fillStyle = colour('soft');
  g.textAlign = 'right';
  for (let v = low; v <= high * 1.01; v *= 10) {
    path(g, [[LEFT, y(v)], [width, y(v)]]);
    g.fillText(duration(v).replace(/\.0+ /, ' '), LEFT - 8, y(v));
  }
  times(g, samples, cols, step, plot, height);
  for (const l of lines) {
    g.strokeStyle = g.fillStyle = colour(l.colour);
    g.lineWidth = 2;
    let run = [];
    for (const [col, v] of [...l.points, [0, null]]) {
      if (v !== null) {
        run.push([x(col), y(v)]);
        continue;
      }
      g.setLineDash(l.dash);
      path(g, run);
      g.setLineDash([]);
      if (run.length) dot(g, run.at(-1)); // one alone is seen too
      run = [];
    }
  }
  if (!lines.length) return '';
  const owner = owners(samples);
  return element('div', { class: 'legend' }, element('ul', {}, ...lines.map((l) => {
    const last = l.points.findLast((p) => p[1] !== null);
    return element('li', {}, element('span', { class: `swatch ${l.colour}`, 'aria-hidden': 'true' }), `${name(l.m, owner)} `, element('b', {}, duration(last[1])));
  })), all.length > lines.length ? element('p', {}, `The ${lines.length} busiest of ${all.length} channels.`) : '');
}

function times(g, samples, cols, step, plot, height) {
  const room = Math.max(Math.floor(plot / 90), 1), every = Math.max(Math.ceil(cols.length / room), 1);
  for (let col = 0; col < cols.length; col += every) {
    const px = LEFT + col * step;
    g.textAlign = px + 60 > LEFT + plot ? 'right' : 'left';
    g.fillText(clock(samples[cols[col][0]].time), g.textAlign === 'right' ? LEFT + plot : px, height - FOOT / 2 + 4);
  }
}

function path(g, list) {
  g.beginPath();
  list.forEach(([px, py], i) => (i ? g.lineTo(px, py) : g.moveTo(px, py)));
  g.stroke();
}

function dot(g, [px, py]) {
  g.beginPath();
  g.arc(px, py, 3, 0, 7);
  g.fill();
}

// messages makes the table of the samples that are looked at: a row for each channel, transport and core.
export function messages(selection, about) {
  const looks = selection.map((s) => s.look).filter(Boolean), owner = owners(selection), all = new Map();
  for (const m of looks.flatMap((l) => l.messages)) {
    const id = `${channelOf(m)} ${m.core}`, was = all.get(id) ?? { m, h: new Histogram(), discarded: 0 };
    all.set(id, { m, h: was.h.add(m.times), discarded: was.discarded + m.discarded });
  }
  if (!looks.length) return note('No look at engines in this time.');
  if (!all.size && !about.messages) return note('Messages are not stamped: start corechan dash with --messages to see how long they take, by channel.');
  if (!all.size) return note('No messages came over shared memory or Unix sockets in this time.');
  const at = (h, q) => (h.n ? duration(h.quantile(q)) : '–');
  const rows = [...all.values()].sort((a, b) => b.h.quantile(0.99) - a.h.quantile(0.99));
  const left = rows.length - Math.min(rows.length, ROWS) + Math.max(...looks.map((l) => l.moreMessages));
  return table(left ? `Those with the highest p99, of ${Math.min(rows.length, ROWS) + left}` : '',
    ['channel', 'over', 'received by', 'on core>', 'messages>', 'p50>', 'p99>', 'p99.9>', 'longest>', 'discarded>'],
    rows.slice(0, ROWS).map(({ m, h, discarded }) => [
      printable(m.channel) || 'unnamed', m.transport || '–', owner(m.engine), m.core < 0 ? '–' : String(m.core), count(h.n),
      at(h, 0.5), at(h, 0.99), at(h, 0.999), h.n ? duration(h.max) : '–', count(discarded),
    ]));
}

// A row for each core, a column for each sample, or for several: then the highest of them, so that no short spike is hidden.

import { columns, fit, ink, ramp } from './canvas.js';
import { level } from './metrics.js';
import { clock } from './format.js';

export const LEFT = 64; // px for the cores' names, here and in the charts below
const FOOT = 20; // px for times

export class Heatmap {
  // on.cursor(text) says what is under the cursor; on.select(samples | null) that a range was chosen; on.core(id) that a core was.
  constructor(canvas, on) {
    this.canvas = canvas;
    this.on = on;
    this.at = null; // the cursor: [column, row]
    this.anchor = null; // the column where a choice began
    canvas.addEventListener('pointerdown', (e) => this.#pointer(e, 'down'));
    canvas.addEventListener('pointermove', (e) => this.#pointer(e, 'move'));
    canvas.addEventListener('pointerup', (e) => this.#pointer(e, 'up'));
    canvas.addEventListener('pointerleave', () => this.#move(null));
    canvas.addEventListener('keydown', (e) => this.#key(e));
    canvas.addEventListener('blur', () => this.#move(null));
  }

  // draw shows samples; chosen are those that the rest of the page is about.
  draw(samples, chosen, metric, cores) {
    Object.assign(this, { samples, chosen, metric, cores });
    this.row = Math.min(Math.max(Math.floor(360 / Math.max(cores.length, 1)), 5), 30);
    const { g, width, height } = fit(this.canvas, Math.max(cores.length, 1) * this.row + FOOT);
    const colour = ink(), shade = ramp();
    this.plot = width - LEFT;
    this.columns = columns(samples, this.plot / 3);
    const step = this.plot / Math.max(this.columns.length, 1);
    const bottom = cores.length * this.row;

    const every = Math.ceil(13 / this.row);
    g.fillStyle = colour('soft');
    g.textAlign = 'right';
    cores.forEach((id, i) => i % every === 0 && g.fillText(`core ${id}`, LEFT - 8, Math.max((i + 0.5) * this.row, 7)));

    this.columns.forEach((_, x) => {
      const left = LEFT + Math.floor(x * step), right = LEFT + Math.floor((x + 1) * step);
      cores.forEach((id, y) => {
        const v = this.#value(x, id);
        g.fillStyle = v === null ? colour('absent') : shade(level(metric, v));
        g.fillRect(left, y * this.row, Math.max(right - left - (step > 6 ? 1 : 0), 1), this.row - (this.row > 8 ? 1 : 0));
      });
    });
    this.#gaps(g, colour, step, bottom);
    this.#times(g, colour, step, bottom, height);
    this.#choice(g, colour, step, bottom);
    if (this.at) {
      g.strokeStyle = colour('text');
      g.lineWidth = 2;
      g.strokeRect(LEFT + this.at[0] * step, this.at[1] * this.row, Math.max(step, 3), this.row - 1);
    }
  }

  #value(x, id) {
    let most = null;
    for (let i = this.columns[x][0]; i < this.columns[x][1]; i++) {
      const c = this.samples[i].core.get(id);
      const v = c ? this.metric.of(c, this.samples[i]) : null;
      if (v !== null && (most === null || v > most)) most = v;
    }
    return most;
  }

  // gaps are lines where samples do not follow each other.
  #gaps(g, colour, step, bottom) {
    g.strokeStyle = colour('text');
    g.setLineDash([3, 3]);
    g.lineWidth = 1;
    this.columns.forEach(([from, to], x) => {
      if (!this.samples.slice(Math.max(from, 1), to).some((s) => s.gap)) return;
      g.beginPath();
      g.moveTo(LEFT + x * step, 0);
      g.lineTo(LEFT + x * step, bottom);
      g.stroke();
    });
    g.setLineDash([]);
  }

  #times(g, colour, step, bottom, height) {
    g.fillStyle = colour('soft');
    const room = Math.max(Math.floor(this.plot / 90), 1), every = Math.max(Math.ceil(this.columns.length / room), 1);
    for (let x = 0; x < this.columns.length; x += every) {
      const px = LEFT + x * step;
      g.textAlign = px + 60 > LEFT + this.plot ? 'right' : 'left';
      g.fillText(clock(this.samples[this.columns[x][0]].time), g.textAlign === 'right' ? LEFT + this.plot : px, height - FOOT / 2 + 2);
    }
  }

  #choice(g, colour, step, bottom) {
    if (!this.chosen.length) return;
    const [first, last] = [this.chosen[0], this.chosen.at(-1)].map((sample) => {
      const i = this.samples.indexOf(sample);
      return this.columns.findIndex(([from, to]) => i >= from && i < to);
    });
    if (last < 0) return;
    g.strokeStyle = colour('accent');
    g.lineWidth = 3;
    g.beginPath();
    g.moveTo(LEFT + Math.max(first, 0) * step, bottom + 1.5);
    g.lineTo(LEFT + (last + 1) * step, bottom + 1.5);
    g.stroke();
  }

  #pointer(e, what) {
    if (!this.columns?.length) return;
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((e.clientX - box.left - LEFT) / this.plot) * this.columns.length), y = Math.floor((e.clientY - box.top) / this.row);
    if (what === 'down') {
      if (x < 0 && y < this.cores.length) this.on.core(this.cores[y]);
      if (x < 0) return;
      this.anchor = x;
      this.canvas.setPointerCapture(e.pointerId);
    }
    const inside = [Math.min(Math.max(x, 0), this.columns.length - 1), Math.min(Math.max(y, 0), this.cores.length - 1)];
    if (this.anchor !== null && what !== 'move') this.#select(this.anchor, inside[0]);
    if (this.anchor !== null && what === 'move' && e.buttons) this.#select(this.anchor, inside[0]);
    if (what === 'up') this.anchor = null;
    this.#move(x >= 0 && y < this.cores.length ? inside : null);
  }

  #key(e) {
    if (!this.columns?.length) return;
    const last = this.columns.length - 1, at = this.at ?? [last, 0];
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-last, 0], End: [last, 0], PageUp: [-10, 0], PageDown: [10, 0] };
    if (moves[e.key]) {
      const to = [Math.min(Math.max(at[0] + moves[e.key][0], 0), last), Math.min(Math.max(at[1] + moves[e.key][1], 0), this.cores.length - 1)];
      if (e.shiftKey) {
        this.anchor ??= at[0];
        this.#select(this.anchor, to[0]);
      } else {
        this.anchor = null;
      }
      this.#move(this.at ? to : at, true);
    } else if (e.key === 'Enter' || e.key === ' ') {
      this.#select(at[0], at[0]);
      this.on.core(this.cores[at[1]]);
    } else {
      return;
    }
    e.preventDefault();
  }

  #select(a, b) {
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    this.on.select(this.samples.slice(this.columns[from][0], this.columns[to][1]));
  }

  #move(at, spoken) {
    if (String(at) === String(this.at)) return;
    this.at = at;
    if (!this.samples) return;
    this.draw(this.samples, this.chosen, this.metric, this.cores);
    if (!at) return this.on.cursor('', false);
    const [from, to] = this.columns[at[0]], id = this.cores[at[1]], v = this.#value(at[0], id);
    const when = to - from > 1 ? `${clock(this.samples[from].time)} to ${clock(this.samples[to - 1].time)}, the highest` : clock(this.samples[from].time);
    const gaps = this.samples.slice(from, to).map((s) => s.gap).filter(Boolean).join(', ');
    this.on.cursor(`Core ${id}, ${when}: ${v === null ? 'not measured' : this.metric.write(v)}${gaps ? ` (${gaps})` : ''}`, spoken);
  }
}

// legend draws a metric's scale.
export function legend(canvas, metric) {
  const { g, width } = fit(canvas, 30);
  const shade = ramp(), colour = ink();
  const side = 26, length = Math.min(width, 380) - 2 * side;
  for (let x = 0; x < length; x++) {
    g.fillStyle = shade(x / length);
    g.fillRect(side + x, 2, 1.5, 9);
  }
  g.fillStyle = colour('soft');
  g.textAlign = 'center';
  for (const tick of metric.ticks) g.fillText(metric.tick(tick), side + level(metric, tick) * length, 22);
}

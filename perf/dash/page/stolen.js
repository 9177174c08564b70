// For each core the time that it lost over time, by sources, one on top of the other.

import { ceiling, columns, fit, ink } from './canvas.js';
import { PARTS, worst } from './losses.js';
import { element, round, share } from './format.js';
import { LEFT } from './heatmap.js';

const MOST = 8; // cores that are drawn
const ROW = 84, BETWEEN = 16;

// busiest returns those cores of a summary that lost most, by their numbers.
export function busiest(summary) {
  return [...summary].sort((a, b) => b.lost / b.span - a.lost / a.span).slice(0, MOST).map((c) => c.id).sort((a, b) => a - b);
}

export function drawStolen(canvas, samples, cores) {
  const { g, width } = fit(canvas, Math.max(cores.length, 1) * (ROW + BETWEEN) + 6);
  const colour = ink(), plot = width - LEFT, cols = columns(samples, plot / 3), step = plot / Math.max(cols.length, 1);
  const stacks = cores.map((id) => cols.map(([from, to]) => stack(samples, from, to, id)));
  const highest = Math.max(0.0005, ...stacks.flat().map((parts) => parts.reduce((sum, v) => sum + v, 0)));
  const top = ceiling(highest);
  cores.forEach((id, row) => {
    const base = 8 + row * (ROW + BETWEEN) + ROW, y = (v) => base - (v / top) * ROW;
    g.strokeStyle = colour('line');
    g.lineWidth = 1;
    g.textAlign = 'right';
    for (const part of [0, 0.5, 1]) {
      g.beginPath();
      g.moveTo(LEFT, Math.round(y(part * top)) + 0.5);
      g.lineTo(width, Math.round(y(part * top)) + 0.5);
      g.stroke();
    }
    g.fillStyle = colour('soft');
    g.fillText(round(top), LEFT - 8, y(top) + 5);
    g.fillStyle = colour('text');
    g.fillText(`core ${id}`, LEFT - 8, y(top / 2));
    stacks[row].forEach((parts, x) => {
      const left = LEFT + Math.floor(x * step), right = LEFT + Math.floor((x + 1) * step);
      let below = 0;
      parts.forEach((v, i) => {
        if (!v) return;
        g.fillStyle = colour(`part-${PARTS[i].key}`);
        const from = y(below), to = y(below + v);
        g.fillRect(left, to, Math.max(right - left - (step > 6 ? 1 : 0), 1), from - to);
        below += v;
      });
    });
  });
}

// stack returns the shares of the parts in a column: those of the sample that lost most, so that no spike is hidden and they belong together.
function stack(samples, from, to, id) {
  let most = null, at = null;
  for (let i = from; i < to; i++) {
    const c = samples[i].core.get(id);
    if (c && (!most || c.lost / samples[i].span > most.lost / at.span)) [most, at] = [c, samples[i]];
  }
  return most ? most.parts.map((ns) => (ns ?? 0) / at.span) : PARTS.map(() => 0);
}

// stolenLegend lists the parts with what each took of a core: of the one that is chosen, or else of the one that lost most.
export function stolenLegend(summary, chosen, when) {
  const core = summary.find((c) => c.id === chosen) ?? worst(summary);
  if (!core) return '';
  return element('div', { class: 'legend' }, element('p', {}, `Core ${core.id} ${when}:`), element('ul', {}, ...PARTS.map((part, i) => {
    const ns = core.parts[i];
    return element('li', { class: ns === null ? 'unknown' : '' },
      element('span', { class: `swatch part-${part.key}`, 'aria-hidden': 'true' }), `${part.name} `,
      element('b', {}, ns === null ? 'not measured' : share(ns / core.span)));
  })));
}

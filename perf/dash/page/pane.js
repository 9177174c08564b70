// The charts over time of one recording, and what of it is looked at.

import { Heatmap } from './heatmap.js';
import { busiest, drawStolen, stolenLegend } from './stolen.js';
import { summarize } from './losses.js';
import { clock, day, duration, element } from './format.js';

const NOW = 10e9; // ns that are looked at while nothing is chosen

export class Pane {
  // on.change() says that something else is chosen; on.core(id) that a core is.
  constructor(place, label, on) {
    this.recording = null;
    this.chosen = null; // first and last sample; null: the last ones, or of a file all
    this.paused = null; // the last sample that is shown
    this.title = element('h3', {}, label);
    this.readout = element('p', { class: 'readout', 'aria-live': 'polite' });
    const map = element('canvas', { tabindex: '0', role: 'application', 'aria-label': `Heatmap of ${label}: a row for each core, a column for each sample. Arrows move, shift with arrows chooses, enter chooses one.` });
    this.stolen = element('canvas', { role: 'img', 'aria-label': `Time lost by source over time, ${label}. The legend has the figures.` });
    this.legend = element('div', {});
    this.heatmap = new Heatmap(map, {
      cursor: (text, spoken) => {
        this.readout.setAttribute('aria-live', spoken ? 'polite' : 'off');
        this.readout.textContent = text || this.hint();
      },
      select: (samples) => {
        this.chosen = [samples[0], samples.at(-1)];
        on.change();
      },
      core: on.core,
    });
    place.replaceChildren(this.title, element('div', { class: 'chart' }, map), this.readout,
      element('h3', {}, 'Time lost, by source'), element('div', { class: 'chart' }, this.stolen), this.legend);
  }

  hint() {
    return this.live && !this.chosen ? 'Drag over the chart, or use the arrow keys in it, to look at a moment.' : '';
  }

  // visible are the samples that the charts have: those of the last ns before the end.
  visible(range) {
    const all = this.recording?.samples ?? [];
    const end = this.paused ? all.indexOf(this.paused) + 1 || all.length : all.length;
    let from = end, span = 0;
    while (from > 0 && span < range) span += all[--from].span;
    return all.slice(from, end);
  }

  // selection are the samples that the figures are of.
  selection(visible) {
    if (this.chosen) {
      const all = this.recording.samples, from = all.indexOf(this.chosen[0]), to = all.indexOf(this.chosen[1]);
      if (to >= 0) return all.slice(Math.max(from, 0), to + 1);
      this.chosen = null; // it is forgotten
    }
    if (!this.live) return visible;
    let from = visible.length, span = 0;
    while (from > 0 && span < NOW) span += visible[--from].span;
    return visible.slice(from);
  }

  // when says in words what the selection is.
  when(selection) {
    if (!selection.length) return '';
    const span = selection.reduce((sum, s) => sum + s.span, 0), first = selection[0], last = selection.at(-1);
    if (this.live && !this.chosen && !this.paused) return `in the last ${duration(span).replace(/\.\d+ /, ' ')}`;
    const from = first.time - first.span / 1e6;
    return `from ${day(from)} ${clock(from)} to ${clock(last.time)}`;
  }

  // draw shows a range of the recording, and returns what the figures are of.
  draw(range, metric, core) {
    const visible = this.visible(range), selection = this.selection(visible), summary = summarize(selection);
    const cores = summarize(visible.slice(-1)).map((c) => c.id);
    const known = [...new Set([...cores, ...summary.map((c) => c.id)])].sort((a, b) => a - b);
    this.heatmap.draw(visible, selection, metric, known);
    drawStolen(this.stolen, visible, busiest(summary));
    if (!this.heatmap.at) this.readout.textContent = this.hint();
    const when = this.when(selection);
    this.legend.replaceChildren(stolenLegend(summary, core, when));
    return { visible, selection, summary, when };
  }
}

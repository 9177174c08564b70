// What is told in tables: who ran instead, which interrupts came, what is measured at all.

import { threadName, PARTS } from './losses.js';
import { bytes, clock, count, day, duration, element, share, table } from './format.js';

const ROWS = 10;

// meter is a bar beside a figure; the figure says the same.
function meter(part, text) {
  const bar = element('span', { class: 'meter', 'aria-hidden': 'true' }, element('span', {}));
  bar.firstChild.style.width = `${Math.min(100 * part, 100)}%`;
  return element('span', { class: 'metered' }, bar, text);
}

// preemptors lists who ran instead of preempted threads, of one core or, with null, of all.
export function preemptors(summary, id) {
  const cores = summary.filter((c) => id === null || c.id === id);
  const all = cores.flatMap((c) => c.by.map((p) => ({ ...p, span: c.span }))).sort((a, b) => b.ns - a.ns);
  if (!cores.some((c) => c.waited)) return note('Not measured: see “What is measured” below.');
  if (!all.length) return note('Nobody ran instead of a thread that could have run on.');
  const rows = all.slice(0, ROWS).map((p) => [threadName(p), String(p.core), meter(p.ns / p.span, share(p.ns / p.span)), duration(p.ns), count(p.n), p.tid ? String(p.pid) : '']);
  return table(all.length > ROWS ? `The ${ROWS} costliest of ${all.length}` : '', ['thread', 'core>', 'of the core>', 'time>', 'times>', 'process>'], rows);
}

// interrupts lists the sources of interrupts.
export function interrupts(summary, id) {
  const cores = summary.filter((c) => id === null || c.id === id);
  const rows = cores.flatMap((c) => [...c.stolen].map(([source, h]) => ({ core: c, source, h }))).sort((a, b) => b.h.sum - a.h.sum);
  if (!rows.length) return note(cores.some((c) => c.parts[2] !== null) ? 'No interrupts of followed threads.' : 'Not measured: see “What is measured” below.');
  return table(rows.length > ROWS ? `The ${ROWS} costliest of ${rows.length}` : '', ['interrupt', 'core>', 'time>', 'p50>', 'p99>', 'longest>', 'a second>'],
    rows.slice(0, ROWS).map(({ core, source, h }) => [source, String(core.id), duration(h.sum), duration(h.quantile(0.5)), duration(h.quantile(0.99)), duration(h.max), count(h.n / (core.span / 1e9))]));
}

export const note = (text) => element('p', { class: 'note' }, text);

const STATES = { active: ['✓', 'counts'], off: ['–', 'not asked for'], failed: ['✕', 'refused'] };

// WHAT says what each group of probes is for.
const WHAT = {
  runq: 'waits for a core', preempt: 'who ran instead', migrate: 'moves to other cores', irq: 'interrupts of devices', softirq: 'softirqs',
  vectors: 'timer and other cores', faults: 'page faults', syscalls: 'system calls', tcp: 'TCP round trips', marks: 'messages, timed by the kernel', steal: 'the hypervisor', runtime: 'Go’s runtime',
};

// health lists the groups of probes, with why some do not count, and what else is not as it should be.
export function health(recording) {
  const { about, last } = recording;
  const groups = element('ul', { class: 'groups' }, ...about.status.map((s) => {
    const [sign, state] = STATES[s.state] ?? ['?', s.state];
    return element('li', { class: `state-${s.state}` }, element('b', {}, element('span', { class: 'sign', role: 'img', 'aria-label': state }, sign), s.group),
      element('span', {}, `${WHAT[s.group] ?? ''}${s.state === 'active' ? '' : `: ${state}`}`));
  }));
  return element('div', {}, groups, ...notes(about, last).map(note), note(kept(recording)));
}

// kept says how much there is.
function kept({ samples, bytes: size, about, forgot }) {
  if (!samples.length) return 'No samples yet.';
  return `${samples.length} samples of ${duration(about.interval).replace('.00', '')} are here, ${bytes(size)}, since ${day(samples[0].time)} ${clock(samples[0].time)}${forgot ? '; older ones are forgotten' : ''}.`;
}

// refusals returns groups that were refused, those of one reason together: [[reason, groups]].
export function refusals(about) {
  const why = new Map();
  for (const s of about.status) if (s.state === 'failed') why.set(s.why, [...(why.get(s.why) ?? []), s.group]);
  return [...why];
}

function notes(about, last) {
  const out = refusals(about).map(([why, groups]) => `No ${groups.join(', ')}: ${why}.`);
  for (const s of about.status) {
    if (s.state === 'active' && s.missing.length) out.push(`${s.group} counts without ${s.missing.join(', ')}, which this kernel does not have.`);
    if (s.untyped) out.push(`${s.group}: the kernel refused the cheaper form of its programs; it costs more.`);
  }
  if (about.status.some((s) => s.state === 'active' && s.group === 'vectors')) {
    out.push(about.cost ? `Interrupts include ${duration(about.cost)} each to enter and leave.` : 'What it takes to enter and leave an interrupt is not known, and not included.');
  }
  for (const l of last?.lost ?? []) out.push(`${l.group}: ${count(l.n)} events came in the middle of another one and were not counted.`);
  if (last?.drops) out.push(`${last.drops} viewers that did not read were dropped, the last: ${last.dropped.join(', ')}.`);
  if (last?.viewers > 1) out.push(`${last.viewers} pages look at this.`);
  return out;
}

// gaps says what pollers noticed themselves, and how much of it the probes do not explain.
export function gaps(summary) {
  const cores = summary.filter((c) => c.gaps);
  if (!cores.length) return note('No poller of this process tells its gaps. corechan dash --poll CORES spins on cores to find them; a program that mounts the dashboard itself gives its own (dash.Poller).');
  return table('', ['core>', 'gaps>', 'time>', 'p99>', 'longest>', 'unexplained>', 'steal>'], cores.map((c) => [
    String(c.id), count(c.gaps.n), duration(c.gaps.sum), duration(c.gaps.quantile(0.99)), duration(c.gaps.max),
    c.unexplained === null ? 'not known' : `${duration(c.unexplained)} (${share(c.unexplained / c.span)})`, steal(c),
  ]));
}

const steal = (c) => (c.parts.at(-1) === null ? 'not known' : share(c.parts.at(-1) / c.span));

// difference says what each core lost in two summaries, and how they differ.
export function difference(here, there) {
  const ids = [...new Set([...here, ...there].map((c) => c.id))].sort((a, b) => a - b);
  const rows = [];
  for (const id of ids) {
    const a = here.find((c) => c.id === id), b = there.find((c) => c.id === id);
    const line = (name, f, write, sub) => {
      const [x, y] = [a, b].map((c) => (c ? f(c) : null));
      if (!x && !y) return;
      const told = (v) => (v === null ? 'not measured' : write(v));
      rows.push([rows.some((r) => r[0] === `core ${id}`) ? '' : `core ${id}`, name, told(x), told(y), x === null || y === null ? '' : sub(x, y)]);
    };
    const points = (x, y) => `${x >= y ? '+' : '−'}${digitsOf(Math.abs(x - y) * 100)} points`;
    const times = (x, y) => (x && y ? `× ${digitsOf(x / y)}` : '');
    line('lost in all', (c) => c.lost / c.span, share, points);
    PARTS.forEach((p, i) => line(p.name, (c) => (c.parts[i] === null ? null : c.parts[i] / c.span), share, points));
    for (const [kind, name] of [['woken', 'woken'], ['doorbell', 'woken by a thread'], ['preempted', 'preempted']]) {
      line(`${name}, p99`, (c) => (c.waited ? c.waits[kind].quantile(0.99) : null), duration, times);
    }
  }
  return table('', ['', '', 'here>', 'beside>', 'difference>'], rows);
}

const digitsOf = (v) => (v >= 10 ? v.toFixed(1) : v.toFixed(2));

// What cores lost their time to: sums over samples, and the same in words.

import { Histogram } from './histogram.js';
import { WAITS } from './check.js';
import { clock, count, duration, printable, share } from './format.js';

const soft = (source) => source.startsWith('softirq');

// The parts that lost time is made of, disjoint but for what happens while a thread waits. Each has a name, what it is called in a
// sentence, which interrupts it has, and what to do about it; docs/tracing.md says more.
export const PARTS = [
  { key: 'preempted', name: 'preempted', words: 'other threads that ran instead', hint: 'Keep them off the core (isolcpus=, a cpuset partition, AllowedCPUs=), or pin elsewhere.' },
  { key: 'stopped', name: 'stopped', words: 'being stopped by a signal or debugger', hint: 'Somebody sent SIGSTOP, or a debugger or profiler holds the process.' },
  { key: 'timer', name: 'timer', words: 'timer interrupts', has: (s) => s === 'timer', hint: 'The scheduler’s tick is 100 to 1000 a second (nohz_full= stops it on a core with one thread); more are somebody’s timers: profilers, perf, many short sleeps.' },
  { key: 'calls', name: 'other cores', words: 'interrupts by other cores', has: (s) => !soft(s) && s !== 'timer' && s !== 'irq', hint: 'Mostly munmap and mprotect of a process with threads on several cores, and wakes: run hot threads in a process of their own.' },
  { key: 'devices', name: 'devices', words: 'interrupts of devices', has: (s) => s === 'irq', hint: 'Steer them elsewhere: /proc/irq/N/smp_affinity_list.' },
  { key: 'soft', name: 'softirqs', words: 'softirqs', has: soft, hint: 'net_rx is received packets: steer the network card’s queues and receive packet steering away. rcu and sched: rcu_nocbs=, isolcpus=.' },
  { key: 'faults', name: 'page faults', words: 'page faults', hint: 'Touch memory before it is used; mlockall; no munmap on the hot path.' },
  { key: 'steal', name: 'steal', words: 'the hypervisor, which ran something else', hint: 'Nothing inside the machine helps but to know it: ask for dedicated cores.' },
];

// weigh notes for each core of a sample what it lost, in ns, and to which parts; those that are not measured are null.
export function weigh(sample) {
  sample.core = new Map(sample.cores.map((c) => [c.id, c])); // by number
  for (const c of sample.cores) {
    const cost = sample.about.cost;
    c.parts = PARTS.map((p) => {
      if (p.key === 'preempted' || p.key === 'stopped') return c.waits ? (c.waits[p.key]?.sum ?? 0) : null;
      if (p.key === 'faults') return c.storm;
      if (p.key === 'steal') return c.steal;
      if (!c.stolen) return null;
      let ns = 0;
      for (const [source, h] of Object.entries(c.stolen)) if (p.has(source)) ns += h.sum + (soft(source) ? 0 : h.n * cost);
      return ns;
    });
    c.lost = c.parts.reduce((sum, ns) => sum + (ns ?? 0), 0);
  }
}

// summarize adds samples up: for each core, the lowest first.
export function summarize(samples) {
  const cores = new Map();
  for (const sample of samples) {
    for (const c of sample.cores) {
      if (!cores.has(c.id)) cores.set(c.id, blank(c.id));
      add(cores.get(c.id), c, sample);
    }
  }
  const all = [...cores.values()].sort((a, b) => a.id - b.id);
  for (const core of all) core.by = [...core.by.values()].sort((a, b) => b.ns - a.ns);
  return all;
}

function blank(id) {
  return {
    id, span: 0, lost: 0, parts: PARTS.map(() => null), waits: Object.fromEntries(WAITS.map((w) => [w, new Histogram()])), waited: false,
    stolen: new Map(), interrupted: new Histogram(), syscalls: null, rtt: null, by: new Map(), gaps: null, unexplained: null, faults: null,
    moves: null, pinnedMoves: 0, longest: { ns: 0, kind: '', time: 0 },
  };
}

function add(sum, c, sample) {
  sum.span += sample.span;
  sum.lost += c.lost;
  c.parts.forEach((ns, i) => {
    if (ns !== null) sum.parts[i] = (sum.parts[i] ?? 0) + ns;
  });
  if (c.waits) {
    sum.waited = true;
    for (const kind of WAITS) {
      const h = c.waits[kind];
      sum.waits[kind].add(h);
      if (kind !== 'stopped' && h?.max > sum.longest.ns) sum.longest = { ns: h.max, kind, time: sample.time };
    }
  }
  for (const [source, h] of Object.entries(c.stolen ?? {})) {
    if (!sum.stolen.has(source)) sum.stolen.set(source, new Histogram());
    sum.stolen.get(source).add(h);
    sum.interrupted.add(h);
  }
  for (const key of ['syscalls', 'rtt', 'gaps']) if (c[key]) sum[key] = (sum[key] ?? new Histogram()).add(c[key]);
  for (const key of ['unexplained', 'faults', 'moves']) if (c[key] !== null) sum[key] = (sum[key] ?? 0) + c[key];
  sum.pinnedMoves += c.pinnedMoves;
  for (const p of c.by) {
    const key = `${p.tid} ${p.pid} ${p.name}`;
    if (!sum.by.has(key)) sum.by.set(key, { ...p, core: c.id, n: 0, ns: 0 });
    const of = sum.by.get(key);
    of.n += p.n;
    of.ns += p.ns;
  }
}

export const threadName = (p) => (p.tid ? `${printable(p.name)} ${p.tid}` : 'others');

// largest returns the part that took most, as {part, ns}.
export function largest(parts) {
  let at = -1;
  parts.forEach((ns, i) => {
    if (ns && (at < 0 || ns > parts[at])) at = i;
  });
  return at < 0 ? null : { part: PARTS[at], ns: parts[at] };
}

// worst returns the core of a summary that lost most.
export const worst = (cores) => cores.reduce((a, b) => (a && a.lost / a.span >= b.lost / b.span ? a : b), null);

// verdict says which core lost most to what: {tone: 'calm' | 'warm' | 'hot', headline, details, hint}. Texts between * are the important ones.
export function verdict(cores, when) {
  if (!cores.length) return { tone: 'calm', headline: 'Nothing has been counted yet.', details: [], hint: '' };
  const core = worst(cores), part = core.lost / core.span, to = largest(core.parts);
  const unknown = PARTS.filter((_, i) => core.parts[i] === null).map((p) => p.name);
  const details = unknown.length ? [`Not measured, and not in this: ${unknown.join(', ')}.`] : [];
  if (!to || part < 0.0005) {
    return { tone: 'calm', headline: `No core lost time worth a word ${when}.`, details: [...details, ...longest(cores)], hint: '' };
  }
  const most = to.ns / core.lost;
  const amount = part > 1.005 ? `*${duration(core.lost)} of its threads’ time*` : `*${share(part)} of its time*`;
  const how = most > 0.995 ? 'all of it' : most > 0.9 ? 'nearly all of it' : `most of it (${share(most)})`;
  let headline = `*Core ${core.id}* lost ${amount} ${when}, ${how} to *${to.part.words}*`;
  const who = to.part.key === 'preempted' && costliest(core.by);
  if (who) headline += `: *${who.name}* took ${share(who.ns / core.span)} of the core`;
  headline += '.';
  const n = interrupts(core, to.part);
  if (n) details.push(n);
  const others = cores.filter((c) => c !== core && c.lost / c.span >= 0.0005).sort((a, b) => b.lost / b.span - a.lost / a.span).slice(0, 3);
  if (others.length) details.push(`Then ${others.map((c) => `core ${c.id} with ${share(c.lost / c.span)}, mostly ${largest(c.parts).part.name}`).join('; ')}.`);
  return { tone: part >= 0.1 ? 'hot' : part >= 0.01 ? 'warm' : 'calm', headline, details: [...details, ...longest(cores)], hint: part >= 0.01 ? to.part.hint : '' };
}

// costliest returns who ran most instead: threads of one name count together, as of a compiler there are many and short ones.
function costliest(by) {
  const names = new Map();
  for (const p of by.filter((one) => one.tid)) {
    const was = names.get(p.name) ?? { ns: 0, threads: 0, first: p };
    names.set(p.name, { ns: was.ns + p.ns, threads: was.threads + 1, first: was.first });
  }
  const most = [...names.values()].sort((a, b) => b.ns - a.ns)[0];
  if (!most) return null;
  return { ns: most.ns, name: most.threads > 1 ? `${most.threads} threads called ${printable(most.first.name)}` : threadName(most.first) };
}

function interrupts(core, part) {
  if (!part.has) return '';
  let n = 0;
  for (const [source, h] of core.stolen) if (part.has(source)) n += h.n;
  return `They came ${count(n / (core.span / 1e9))} times a second.`;
}

const BEHIND = { doorbell: 'after another thread woke it', woken: 'after a wake', preempted: 'after it was preempted' };

function longest(cores) {
  const core = cores.reduce((a, b) => (b.longest.ns > a.longest.ns ? b : a));
  return core.longest.ns ? [`The longest that a thread waited for a core was ${duration(core.longest.ns)}, on core ${core.id} ${BEHIND[core.longest.kind]}, at ${clock(core.longest.time)}.`] : [];
}

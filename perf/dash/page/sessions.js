// Sessions and channels of this machine's processes: what passes, and what waits.

import { Histogram } from './histogram.js';
import { bytes, count, duration, element, printable, share, table } from './format.js';
import { note } from './tables.js';

const ROWS = 12;

// sum adds up what passed, by key, over looks; queues are the last ones, and the fullest.
function sum(looks, of, key, passed, queues) {
  const all = new Map();
  for (const look of looks) {
    for (const item of look[of]) {
      const id = key(item), was = all.get(id);
      const now = { ...item, span: look.span + (was?.span ?? 0), most: {} };
      for (const name of passed) now[name] += was?.[name] ?? 0;
      for (const name of queues) now.most[name] = Math.max(item[name], was?.most[name] ?? 0);
      all.set(id, now);
    }
  }
  return [...all.values()];
}

const PASSED = ['frames_sent', 'frames_received', 'bytes_sent', 'bytes_received', 'full_ring', 'full_ring_ns', 'no_credit', 'no_credit_ns', 'sleeps', 'rings'];

// sessions makes the tables of the samples that are looked at.
export function sessions(selection) {
  const looks = selection.map((s) => s.look).filter(Boolean), last = looks.at(-1);
  if (!last) return [note('No look at engines in this time.')];
  if (!last.engines.length) return [note('No process of this user has a corechan session to another one.')];
  const engines = new Map(looks.flatMap((l) => l.engines).map((e) => [e.name, e]));
  const owner = (name) => {
    const e = engines.get(name);
    return e ? `${printable(e.command)} ${e.pid || ''}` : '?';
  };
  const open = sum(looks, 'sessions', (s) => `${s.engine} ${s.id}`, PASSED, ['send_queue', 'receive_queue']);
  const channels = sum(looks, 'channels', (c) => `${c.engine} ${c.session} ${c.id} ${c.direction}`, ['messages', 'bytes'], ['queued', 'queued_bytes']);
  const troubled = [...engines.values()].filter((e) => e.trouble).map((e) => note(`${owner(e.name)} could not be read: ${e.trouble}.`));
  return [engineTable(looks, owner), sessionTable(open, owner, last), channelTable(channels, owner, last), ...troubled];
}

const rate = (n, span) => count(n / (span / 1e9));
const more = (n, shown, left) => (n + left > shown ? `The ${shown} fullest and busiest of ${n + left}` : '');

// fill is a queue: what is in it now, the most of it, and how full that is.
function fill(now, most, room) {
  const bar = element('span', { class: 'meter', 'aria-hidden': 'true' }, element('span', {}));
  bar.firstChild.style.width = `${room ? Math.min((100 * most) / room, 100) : 0}%`;
  return element('span', { class: 'metered' }, bar, most > now ? `${bytes(now)}, at most ${bytes(most)}` : bytes(now));
}

// engineTable is what there is in each process, and how long its own scheduler and collector let it wait.
function engineTable(looks, owner) {
  const all = new Map();
  for (const e of looks.flatMap((l) => l.engines)) {
    const was = all.get(e.name) ?? { scheduler: new Histogram(), gc: new Histogram() };
    all.set(e.name, { ...e, scheduler: was.scheduler.add(e.scheduler_latency), gc: was.gc.add(e.gc_pauses) });
  }
  const told = (h) => (h.n ? `${duration(h.quantile(0.99))}, at most ${duration(h.max)}` : '–');
  const rows = [...all.values()].slice(0, ROWS).map((e) => [owner(e.name), count(e.sessions), count(e.channels), count(e.goroutines), told(e.scheduler), count(e.gc.n), told(e.gc)]);
  return table('', ['process', 'sessions>', 'channels>', 'goroutines>', 'goroutines waited to run: p99>', 'pauses by the collector>', 'how long: p99>'], rows);
}

function sessionTable(all, owner, last) {
  const urgent = (s) => [s.most.send_queue + s.most.receive_queue, s.frames_sent + s.frames_received];
  const rows = all.sort(by(urgent)).slice(0, ROWS).map((s) => [
    owner(s.engine), element('span', { class: 'where' }, peer(s)), `${rate(s.frames_sent, s.span)} (${bytes(s.bytes_sent / (s.span / 1e9))})`,
    `${rate(s.frames_received, s.span)} (${bytes(s.bytes_received / (s.span / 1e9))})`,
    fill(s.send_queue, s.most.send_queue, s.send_ring), fill(s.receive_queue, s.most.receive_queue, s.receive_ring),
    waits(s), rate(s.sleeps, s.span), rate(s.rings, s.span),
  ]);
  return table(`Sessions, figures a second. ${more(all.length, ROWS, last.moreSessions)}`,
    ['process', 'session', 'frames sent>', 'received>', 'not read by the peer>', 'not read here>', 'waited to send>', 'sleeps>', 'doorbells>'], rows);
}

// waits says which share of the time somebody waited for room or for credit.
function waits(s) {
  const parts = [];
  if (s.full_ring_ns) parts.push(`${share(s.full_ring_ns / s.span)} ring full`);
  if (s.no_credit_ns) parts.push(`${share(s.no_credit_ns / s.span)} no credit`);
  return parts.join(', ') || '–';
}

function peer(s) {
  const who = s.peer_pid ? `process ${s.peer_pid}` : printable(s.addr) || 'unknown';
  return `${s.transport} ${s.dialer ? 'to' : 'from'} ${who}`;
}

function channelTable(all, owner, last) {
  const urgent = (c) => [c.most.queued_bytes, c.messages];
  const rows = all.sort(by(urgent)).slice(0, ROWS).map((c) => [
    owner(c.engine), `${c.direction === 'send' ? '→' : '←'} ${printable(c.name) || 'carried'} ${c.lane ? '(lane) ' : ''}#${c.id}`, rate(c.messages, c.span), bytes(c.bytes / (c.span / 1e9)),
    c.most.queued > c.queued ? `${count(c.queued)}, at most ${count(c.most.queued)}` : count(c.queued), bytes(c.queued_bytes), c.credit < 0 ? '–' : bytes(c.credit),
  ]);
  if (!rows.length) return note('No channels are open.');
  return table(`Channels, → sends and ← receives, figures a second. ${more(all.length, ROWS, last.moreChannels)}`,
    ['process', 'channel', 'messages>', 'bytes>', 'messages not received>', 'bytes not received>', 'credit left>'], rows);
}

// by sorts by lists of figures, the highest first.
const by = (f) => (a, b) => {
  const [x, y] = [f(a), f(b)];
  const i = x.findIndex((v, k) => v !== y[k]);
  return i < 0 ? 0 : y[i] - x[i];
};

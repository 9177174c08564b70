// Takes what came from a server or a file apart, and makes of it what the rest of the page can rely on. What is not as it should be
// throws, and says where.

export const VERSION = 1;
export const WAITS = ['doorbell', 'woken', 'preempted', 'stopped'];
export const BUCKETS = 1024;

const MOST = { cores: 1024, list: 64, text: 2000, name: 255, engines: 64, sessions: 256, channels: 1024, messages: 256 };

const fail = (where, what) => {
  throw new Error(`${where} is ${what}`);
};

function number(v, where) {
  return typeof v === 'number' && v >= 0 && v <= Number.MAX_SAFE_INTEGER ? v : fail(where, 'not a number from 0 on');
}

function text(v, where, most = MOST.text) {
  return typeof v === 'string' && v.length <= most ? v : fail(where, `not a text of at most ${most} characters`);
}

function list(v, where, most, each) {
  if (v === undefined || v === null) return [];
  if (!Array.isArray(v) || v.length > most) fail(where, `not a list of at most ${most}`);
  return v.map((item, i) => each(item, `${where}[${i}]`));
}

function object(v, where) {
  return v !== null && typeof v === 'object' && !Array.isArray(v) ? v : fail(where, 'not an object');
}

const maybe = (v, where, f) => (v === undefined || v === null ? null : f(v, where));

export function histogram(v, where) {
  object(v, where);
  const b = list(v.b, `${where}.b`, 2 * BUCKETS, number);
  if (b.length % 2) fail(`${where}.b`, 'not made of pairs');
  for (let i = 0, last = 0; i < b.length; i += 2) {
    if (!Number.isInteger(b[i]) || (i && !b[i]) || last + b[i] >= BUCKETS) fail(`${where}.b[${i}]`, 'not the way to another bucket');
    last = b[i] += last;
  }
  return { n: number(v.n, `${where}.n`), sum: number(v.sum, `${where}.sum`), max: number(v.max, `${where}.max`), b };
}

function histograms(v, where) {
  const out = {};
  const entries = Object.entries(object(v, where));
  if (entries.length > MOST.list) fail(where, 'too large');
  for (const [name, h] of entries) out[text(name, where, MOST.name)] = histogram(h, `${where}.${name}`);
  return out;
}

function core(v, where) {
  object(v, where);
  return {
    id: number(v.id, `${where}.id`),
    waits: maybe(v.waits, `${where}.waits`, histograms),
    stolen: maybe(v.stolen, `${where}.stolen`, histograms),
    outside: maybe(v.outside_ns, `${where}.outside_ns`, number),
    steal: maybe(v.steal_ns, `${where}.steal_ns`, number),
    storm: maybe(v.storm_ns, `${where}.storm_ns`, number),
    faults: maybe(v.faults, `${where}.faults`, number),
    moves: maybe(v.moves, `${where}.moves`, number),
    pinnedMoves: number(v.pinned_moves ?? 0, `${where}.pinned_moves`),
    by: list(v.by, `${where}.by`, MOST.list, (p, at) => ({
      tid: number(object(p, at).tid, `${at}.tid`), pid: number(p.pid, `${at}.pid`), name: text(p.name, `${at}.name`, MOST.name),
      n: number(p.n, `${at}.n`), ns: number(p.ns, `${at}.ns`),
    })),
    syscalls: maybe(v.syscalls, `${where}.syscalls`, histogram),
    rtt: maybe(v.rtt, `${where}.rtt`, histogram),
    gaps: maybe(v.gaps, `${where}.gaps`, histogram),
    unexplained: maybe(v.unexplained_ns, `${where}.unexplained_ns`, number),
  };
}

function about(v) {
  if (v.version !== VERSION) fail('its version', `${Number(v.version)}, and this page knows ${VERSION}: use the page of the program that wrote it`);
  return {
    kind: 'about',
    run: text(v.run, 'run', MOST.name), began: Date.parse(text(v.began, 'began', MOST.name)) || 0, host: text(v.host, 'host', MOST.name),
    kernel: text(v.kernel, 'kernel', MOST.name), follows: text(v.follows, 'follows'), interval: number(v.interval_ns, 'interval_ns'),
    cost: number(v.interrupt_cost_ns, 'interrupt_cost_ns'), messages: v.messages === true,
    status: list(v.status, 'status', MOST.list, (s, at) => ({
      group: text(object(s, at).group, `${at}.group`, MOST.name), state: text(s.state, `${at}.state`, MOST.name),
      why: text(s.why ?? '', `${at}.why`, 10 * MOST.text), missing: list(s.missing, `${at}.missing`, MOST.list, text), untyped: s.untyped === true,
    })),
  };
}

function sample(v) {
  if (number(v.span_ns, 'span_ns') === 0) fail('span_ns', '0');
  const lost = maybe(v.lost, 'lost', object) ?? {};
  return {
    kind: 'sample',
    seq: number(v.seq, 'seq'), at: number(v.at_ns, 'at_ns'), time: number(v.time_ms, 'time_ms'), span: v.span_ns,
    cores: list(v.cores, 'cores', MOST.cores, core),
    scheduler: maybe(v.scheduler_latency, 'scheduler_latency', histogram), gc: maybe(v.gc_pauses, 'gc_pauses', histogram),
    lost: Object.entries(lost).slice(0, MOST.list).map(([group, n]) => ({ group: text(group, 'lost', MOST.name), n: number(n, `lost.${group}`) })),
    ended: list(v.ended, 'ended', MOST.list, number), trouble: list(v.trouble, 'trouble', MOST.list, text),
    viewers: number(v.viewers ?? 0, 'viewers'), dropped: list(v.dropped, 'dropped', MOST.list, text), drops: number(v.drops ?? 0, 'drops'),
    look: maybe(v.look, 'look', look),
  };
}

// flat takes an object's fields by what they are to be: {name: function}.
const flat = (v, where, fields) => Object.fromEntries(Object.entries(fields).map(([name, f]) => [name, f(object(v, where)[name], `${where}.${name}`)]));

const label = (v, where) => text(v ?? '', where, MOST.name);
const figure = (v, where) => number(v ?? 0, where);
const yes = (v) => v === true;
const orNone = (v, where) => (v === -1 ? -1 : number(v, where));

const ENGINE = {
  name: label, pid: figure, command: label, sessions: figure, channels: figure, trouble: (v, where) => text(v ?? '', where),
  goroutines: figure, scheduler_latency: (v, where) => maybe(v, where, histogram), gc_pauses: (v, where) => maybe(v, where, histogram),
};
const SESSION = {
  engine: label, id: figure, transport: label, dialer: yes, addr: (v, where) => text(v ?? '', where), peer_pid: figure, channels: figure,
  frames_sent: figure, frames_received: figure, bytes_sent: figure, bytes_received: figure, full_ring: figure, full_ring_ns: figure, no_credit: figure,
  no_credit_ns: figure, sleeps: figure, rings: figure, send_queue: figure, send_ring: figure, receive_queue: figure, receive_ring: figure,
};
const CHANNEL = {
  engine: label, session: figure, id: figure, name: label, direction: label, lane: yes, queued: figure, queued_bytes: figure, credit: orNone, messages: figure, bytes: figure,
};
const MESSAGES = { engine: label, channel: label, transport: label, core: orNone, times: histogram, discarded: figure };

function look(v, where) {
  const each = (fields) => (item, at) => flat(item, at, fields);
  return {
    span: number(object(v, where).span_ns, `${where}.span_ns`) || 1,
    engines: list(v.engines, `${where}.engines`, MOST.engines, each(ENGINE)),
    sessions: list(v.sessions, `${where}.sessions`, MOST.sessions, each(SESSION)),
    channels: list(v.channels, `${where}.channels`, MOST.channels, each(CHANNEL)),
    messages: list(v.messages, `${where}.messages`, MOST.messages, each(MESSAGES)), moreMessages: figure(v.more_messages, `${where}.more_messages`),
    moreEngines: figure(v.more_engines, `${where}.more_engines`), moreSessions: figure(v.more_sessions, `${where}.more_sessions`),
    moreChannels: figure(v.more_channels, `${where}.more_channels`),
  };
}

// check returns an about or a sample.
export function check(v) {
  object(v, 'the message');
  switch (v.kind) {
    case 'about':
      return about(v);
    case 'sample':
      return sample(v);
    default:
      return fail('its kind', 'neither about nor sample');
  }
}

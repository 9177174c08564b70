// Puts the page together: where samples come from, what is looked at, keys.

import { Connection } from './connection.js';
import { Recording, open } from './store.js';
import { METRICS, scaled } from './metrics.js';
import { Pane } from './pane.js';
import { legend } from './heatmap.js';
import { curvesTable, drawCurves, gather } from './curves.js';
import { difference, gaps, health, interrupts, preemptors, refusals } from './tables.js';
import { largest, verdict } from './losses.js';
import { clock, element, share } from './format.js';
import { sessions } from './sessions.js';
import { QUANTILES, drawMessages, messages } from './messages.js';
import { startTheme } from './theme.js';

const $ = (id) => document.getElementById(id);
const MOST_OPEN = 4; // recordings, beside what is live

const live = new Recording('live');
const recordings = [live];
const panes = { main: null, beside: null };
let connection = null;
const view = { range: 300e9, metric: METRICS[0], core: null, quantile: 1, state: { phase: 'connecting', why: '' } };

function start() {
  for (const name of ['main', 'beside']) {
    panes[name] = new Pane($(`pane-${name}`), name === 'main' ? 'shown' : 'beside it', { change: redraw, core: chooseCore });
  }
  $('metric').append(...METRICS.map((m) => element('option', { value: m.key }, m.name)));
  $('metric').onchange = () => {
    view.metric = METRICS.find((m) => m.key === $('metric').value);
    redraw();
  };
  $('range').onchange = () => {
    view.range = Number($('range').value) * 1e9 || Infinity;
    redraw();
  };
  $('quantile').append(...QUANTILES.map((q, i) => element('option', { value: i, selected: i === view.quantile }, q.name)));
  $('quantile').onchange = () => {
    view.quantile = Number($('quantile').value);
    redraw();
  };
  $('core').onchange = () => chooseCore($('core').value === '' ? null : Number($('core').value));
  $('shown').onchange = () => show(Number($('shown').value));
  $('with').onchange = () => beside(Number($('with').value));
  $('pause').onclick = pause;
  $('now').onclick = latest;
  $('save').onclick = save;
  $('open').onclick = () => $('file').click();
  $('file').onchange = () => openFiles($('file').files);
  $('retry').onclick = () => connection.now();
  startTheme($('theme'), redraw);
  keys();
  new ResizeObserver(redraw).observe(document.body);
  listRecordings();
  show(0);
}

// connect keeps the live recording fed.
function connect() {
  const has = () => (live.last ? new URLSearchParams({ run: live.last.about.run, after: live.last.seq }) : '');
  connection = new Connection(has, {
    message: (value, text) => {
      try {
        live.add(value, text);
      } catch (error) {
        say(`The server sent what this page does not understand: ${error.message}. Reload it; the server may be another version.`);
      }
      redraw();
    },
    state: (state) => {
      view.state = state;
      showState();
    },
  });
  setInterval(() => view.state.phase === 'waiting' && showState(), 500);
}

// showState says in words how the server is doing.
function showState() {
  const { phase, why, at } = view.state, last = live.last;
  const seen = last ? ` What is shown of it is from ${clock(last.time)}.` : '';
  $('state').className = `state state-${phase}`;
  $('state').textContent = { live: 'live', connecting: 'connecting…', waiting: 'server gone', refused: 'token needed' }[phase];
  const wait = Math.max(Math.ceil((at - performance.now()) / 1000), 0);
  const text = { live: '', connecting: why && `Trying again now: ${why}.${seen}`, waiting: `The server is gone: ${why}. Trying again in ${wait} s.${seen}`, refused: 'The server asks for a token.' }[phase];
  $('trouble-text').textContent = text;
  $('trouble').hidden = !text;
  $('retry').hidden = phase !== 'waiting';
  $('login').hidden = phase !== 'refused';
  document.title = phase === 'live' ? 'corechan dash' : `(${$('state').textContent}) corechan dash`;
}

let drawing = 0;

// redraw draws all once, however often it is asked for until then.
function redraw() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    draw();
  });
}

function draw() {
  const about = panes.main.recording?.about;
  if (!about) return;
  const shown = [panes.main, panes.beside].filter((p) => p.recording);
  const metric = scaled(view.metric, shown.flatMap((p) => p.visible(view.range)));
  const [main, other] = shown.map((p) => p.draw(view.range, metric, view.core));
  legend($('legend'), metric);
  $('follows').textContent = `${about.follows} on ${about.host}, Linux ${about.kernel}`;
  showVerdict(main, other);
  showCores(main.summary);
  const histograms = gather(main.summary, view.core), faint = other && gather(other.summary, view.core);
  drawCurves($('curves'), histograms, faint);
  $('curves-table').replaceChildren(curvesTable(histograms, faint, (s, which) => element('span', {}, element('span', { class: `swatch series-${s.key}`, 'aria-hidden': 'true' }), s.name + which)));
  $('preemptors').replaceChildren(preemptors(main.summary, view.core));
  $('interrupts').replaceChildren(interrupts(main.summary, view.core));
  $('messages-chart').hidden = !main.visible.some((s) => s.look?.messages.length);
  $('messages-legend').replaceChildren(drawMessages($('messages'), main.visible, view.quantile));
  $('messages-table').replaceChildren(messages(main.selection, about));
  $('sessions').replaceChildren(...sessions(main.selection));
  $('gaps').replaceChildren(gaps(main.summary));
  $('health').replaceChildren(health(panes.main.recording));
  $('difference').replaceChildren(...(other ? [difference(main.summary, other.summary)] : []));
  for (const e of document.querySelectorAll('.comparing')) e.hidden = !other;
  $('now').hidden = !panes.main.chosen && !panes.main.paused;
  $('missing').hidden = !refusals(about).length;
  $('missing').replaceChildren(...refusals(about).map(([why, groups]) => element('p', {}, element('b', {}, `Not measured: ${groups.join(', ')}: `), `${why}.`)));
}

// emphasize makes elements of a text in which what is important stands between *.
const emphasize = (text) => text.split('*').map((part, i) => (i % 2 ? element('strong', {}, part) : part));

function showVerdict(main, other) {
  const v = verdict(main.summary, main.when);
  $('verdict').className = `verdict ${v.tone}`;
  $('headline').replaceChildren(...emphasize(v.headline));
  const lines = v.details.map((text) => element('p', {}, ...emphasize(text)));
  if (v.hint) lines.push(element('p', { class: 'hint' }, v.hint));
  lines.push(...worstMoment(main));
  if (other) lines.push(element('p', {}, element('b', {}, 'Beside it: '), ...emphasize(verdict(other.summary, other.when).headline)));
  for (const text of main.selection.at(-1)?.trouble ?? []) lines.push(element('p', { class: 'hint' }, `Trouble: ${text}.`));
  for (const pid of main.selection.at(-1)?.ended ?? []) lines.push(element('p', { class: 'hint' }, `Process ${pid} has ended.`));
  $('details').replaceChildren(...lines);
}

// worstMoment names the sample in which a core lost most, if that is not looked at and is worse.
function worstMoment({ selection, summary }) {
  let most = null, core = null;
  for (const s of panes.main.recording.samples) {
    for (const c of s.cores) if (!most || c.lost / s.span > core.lost / most.span) [most, core] = [s, c];
  }
  const here = Math.max(0, ...summary.map((c) => c.lost / c.span));
  if (!most || selection.includes(most) || core.lost / most.span < Math.max(0.01, 1.5 * here)) return [];
  const look = element('button', { type: 'button', onclick: () => {
    const all = panes.main.recording.samples, i = all.indexOf(most);
    panes.main.chosen = [all[Math.max(i - 1, 0)], all[Math.min(i + 1, all.length - 1)]];
    redraw();
  } }, 'Look there');
  return [element('p', {}, `The worst of all that is kept: core ${core.id} lost ${share(core.lost / most.span)} at ${clock(most.time)}, mostly to ${largest(core.parts).part.words}. `, look)];
}

let listed = '';

function showCores(summary) {
  const ids = summary.map((c) => c.id).join();
  if (ids === listed) return;
  listed = ids;
  $('core').replaceChildren(element('option', { value: '' }, 'all cores'), ...summary.map((c) => element('option', { value: c.id }, `core ${c.id}`)));
  $('core').value = view.core ?? '';
}

function chooseCore(id) {
  view.core = id;
  $('core').value = id ?? '';
  redraw();
}

function listRecordings() {
  const options = () => recordings.map((r, i) => element('option', { value: i }, r === live ? 'live' : r.name));
  $('shown').replaceChildren(...options());
  $('with').replaceChildren(element('option', { value: -1 }, 'nothing'), ...options());
  $('shown').value = recordings.indexOf(panes.main.recording);
  $('with').value = recordings.indexOf(panes.beside.recording);
}

function put(pane, recording) {
  Object.assign(pane, { recording, chosen: null, paused: null, live: recording === live });
  pane.title.textContent = recording === live ? 'Live' : (recording?.name ?? '');
}

function show(i) {
  put(panes.main, recordings[i] ?? live);
  $('shown').value = recordings.indexOf(panes.main.recording);
  $('pause').disabled = !panes.main.live;
  redraw();
}

function beside(i) {
  put(panes.beside, recordings[i] ?? null);
  document.body.classList.toggle('compares', i >= 0);
  redraw();
}

function pause() {
  panes.main.paused = panes.main.paused ? null : live.last;
  $('pause').setAttribute('aria-pressed', Boolean(panes.main.paused));
  redraw();
}

// latest goes back to what is now.
function latest() {
  panes.main.chosen = panes.main.paused = null;
  $('pause').setAttribute('aria-pressed', false);
  redraw();
}

function save() {
  const recording = panes.main.recording;
  if (!recording.samples.length) return say('There is nothing to save yet.');
  const url = URL.createObjectURL(new Blob(recording.lines(), { type: 'application/jsonl' }));
  const name = `corechan-${recording.about.host.replace(/[^\w.-]/g, '_')}-${new Date(recording.last.time).toISOString().replace(/[:.]/g, '')}.jsonl`;
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  say(`Saved ${recording.samples.length} samples as ${name}.`);
}

// openFiles shows the first file that it can read; if one was shown already, beside it.
async function openFiles(files) {
  for (const file of files) {
    try {
      const recording = await open(file);
      if (recordings.length > MOST_OPEN) recordings.splice(1, 1);
      recordings.push(recording);
      if (panes.main.live) put(panes.main, recording);
      else put(panes.beside, recording);
      say(`Opened ${recording.samples.length} samples of ${file.name}.${recording.forgot ? ` The first ${recording.forgot} are left out: there is room for so many only.` : ''}`);
    } catch (error) {
      say(`${file.name} cannot be opened: ${error.message}.`);
    }
  }
  $('file').value = '';
  listRecordings();
  document.body.classList.toggle('compares', Boolean(panes.beside.recording));
  $('pause').disabled = !panes.main.live;
  redraw();
}

function say(text) {
  $('said').textContent = text;
}

function keys() {
  const does = { p: () => !$('pause').disabled && pause(), s: save, o: () => $('file').click(), t: () => $('theme').click(), n: latest, Escape: latest };
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) || !does[e.key]) return;
    does[e.key]();
    e.preventDefault();
  });
  addEventListener('dragover', (e) => e.preventDefault());
  addEventListener('drop', (e) => {
    e.preventDefault();
    openFiles(e.dataTransfer.files);
  });
}

start();
connect();

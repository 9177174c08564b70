// Keeps a session to the server: when it ends, it is dialled again, after a pause that grows.

import { Session } from './session.js';

const FIRST_PAUSE = 500, LONGEST_PAUSE = 10_000; // ms
const HANDSHAKE = 10_000; // ms that a server may take to answer

export class Connection {
  // has() returns the query that says what is there already; on.message(value, text); on.state(state) with
  // {phase: 'connecting' | 'live' | 'waiting' | 'refused', why, at}: at is when the next attempt is made, by performance.now.
  constructor(has, on) {
    this.has = has;
    this.on = on;
    this.pause = FIRST_PAUSE;
    this.why = '';
    addEventListener('online', () => this.now());
    addEventListener('pagehide', () => this.#leave());
    addEventListener('pageshow', (event) => event.persisted && this.#dial()); // the browser had put the page away
    document.addEventListener('visibilitychange', () => document.hidden || this.now());
    this.#dial();
  }

  // now dials at once if it waits to.
  now() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.#dial();
  }

  // leave says goodbye, so that the server does not have to find out.
  #leave() {
    clearTimeout(this.timer);
    clearTimeout(this.late);
    this.timer = 0;
    this.session?.close();
  }

  #dial() {
    this.timer = 0;
    const url = new URL(`session?${this.has()}`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    this.on.state({ phase: 'connecting', why: this.why });
    this.late = setTimeout(() => {
      this.session.close();
      this.#again('the server does not answer');
    }, HANDSHAKE);
    this.session = new Session(url, 'dash', {
      open: () => {
        clearTimeout(this.late);
        this.on.state({ phase: 'live' });
      },
      message: (value, text) => {
        this.pause = FIRST_PAUSE;
        this.why = '';
        this.on.message(value, text);
      },
      end: (why) => {
        clearTimeout(this.late);
        this.#again(why);
      },
    });
  }

  async #again(why) {
    this.why = why;
    if (await refused()) return this.on.state({ phase: 'refused', why });
    const wait = this.pause * (0.75 + Math.random() / 2); // so that many pages do not come at once
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    this.on.state({ phase: 'waiting', why, at: performance.now() + wait });
    this.timer = setTimeout(() => this.#dial(), wait);
  }
}

// refused asks whether the server wants a token: a WebSocket does not tell.
async function refused() {
  try {
    return (await fetch('recording', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(2000) })).status === 401;
  } catch {
    return false;
  }
}

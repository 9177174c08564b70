// A session of corechan's own protocol (PROTOCOL.md), as much of it as a reader needs: it takes one channel that the server opens, and
// grants credit. It opens none, sends no message, and takes none that carries something; what breaks a rule ends it.

const MAGIC = 'hanHello';
const HELLO = 1, REFUSE = 2;
const OPEN = 1, DATA = 2, CREDIT = 3, CLOSE = 4, RESET = 5, GOAWAY = 8;
const LAST = 1, HEADER = 2; // flags of DATA
const REFUSED = 3; // a code of RESET
const FRAME = 16, HELLO_SIZE = 40, REFUSE_MOST = 256;

export const WINDOW = 256 * 1024; // bytes that the server may have sent and this has not read
export const MESSAGE_MOST = 1024 * 1024;

const text = new TextDecoder();
const round = (n) => Math.ceil(n / 8) * 8;

export class Session {
  // on.open() when the server has answered, on.message(value, text) for each message of the channel, on.end(why) once.
  constructor(url, channel, on) {
    this.channel = channel;
    this.on = on;
    this.id = 0; // the channel's; 0 while it is not open
    this.greeted = false;
    this.left = new Uint8Array(0); // what has come of a frame that is not complete
    this.socket = new WebSocket(url, 'corechan.v1');
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => this.socket.send(hello());
    this.socket.onmessage = (event) => this.#take(event.data);
    this.socket.onclose = () => this.#end('the connection is lost');
  }

  // close ends the session. on.end is not called.
  close() {
    this.on = null;
    if (this.greeted && this.socket.readyState === WebSocket.OPEN) this.#send(GOAWAY, 0, 0);
    this.socket.close(1000);
  }

  #end(why) {
    const on = this.on;
    this.on = null;
    this.socket.close();
    on?.end(why);
  }

  #take(data) {
    if (!this.on) return;
    try {
      if (typeof data === 'string') throw new Error('the server sends text');
      const all = new Uint8Array(this.left.length + data.byteLength);
      all.set(this.left);
      all.set(new Uint8Array(data), this.left.length);
      this.left = all.subarray(this.#read(all));
      if (this.left.length > round(FRAME + MESSAGE_MOST)) throw new Error('the server sends a frame that is too large');
    } catch (error) {
      this.#end(error.message);
    }
  }

  // read takes all that is complete, and returns how much that was.
  #read(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (!this.greeted) {
      at = this.#greeting(bytes, view);
      if (!at) return 0;
      this.greeted = true;
      this.on.open();
    }
    while (this.on && bytes.length - at >= FRAME) {
      const length = view.getUint32(at, true);
      if (length < FRAME || round(length) > round(FRAME + MESSAGE_MOST)) throw new Error(`the server sends a frame of ${length} bytes`);
      if (bytes.length - at < round(length)) break;
      this.#frame(bytes.subarray(at, at + length));
      at += round(length);
    }
    return at;
  }

  #greeting(bytes, view) {
    if (bytes.length < FRAME) return 0;
    const version = view.getUint16(8, true), type = view.getUint16(10, true), length = view.getUint32(12, true);
    if (text.decode(bytes.subarray(0, 8)) !== MAGIC) throw new Error('what answers is not a corechan server');
    if (type === REFUSE && length >= FRAME && length <= REFUSE_MOST) {
      if (bytes.length < length) return 0;
      throw new Error(`the server refuses: ${text.decode(bytes.subarray(FRAME, length))}`);
    }
    if (version !== 1 || type !== HELLO || length !== HELLO_SIZE) throw new Error(`the server speaks version ${version}, and this page 1`);
    return bytes.length < HELLO_SIZE ? 0 : HELLO_SIZE;
  }

  #frame(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const type = bytes[4], flags = bytes[5], id = view.getUint32(8, true), argument = view.getUint32(12, true);
    if (view.getUint16(6, true) !== 0) throw new Error('the server sends descriptors by WebSocket');
    switch (type) {
      case OPEN:
        return this.#open(bytes.subarray(FRAME), flags, id);
      case DATA:
        if (id === this.id && id) this.#message(bytes, flags, argument);
        return;
      case CLOSE:
        if (id === this.id && id) this.#end(`the server has ended this: ${text.decode(bytes.subarray(FRAME)) || `code ${argument}`}`);
        return;
      case GOAWAY:
        return this.#end(text.decode(bytes.subarray(FRAME)) || 'the server has closed the session');
      case CREDIT:
      case RESET:
        return; // of channels that this side sends on: there are none
      default:
        throw new Error(`the server sends a frame of type ${type}`);
    }
  }

  #open(rest, flags, id) {
    if (flags & 1) throw new Error('the server opens a lane by WebSocket');
    const codec = text.decode(rest.subarray(1, 1 + rest[0]));
    const name = text.decode(rest.subarray(2 + rest[0], 2 + rest[0] + rest[1 + rest[0]]));
    if (name === this.channel && codec === 'json' && !this.id) this.id = id;
    else this.#send(RESET, id, REFUSED);
  }

  #message(bytes, flags, entries) {
    if (entries) throw new Error('the server sends a message that carries something');
    let at = FRAME;
    if (flags & HEADER) at += 2 + bytes[at] + 256 * bytes[at + 1];
    const json = text.decode(bytes.subarray(at));
    this.on.message(JSON.parse(json), json);
    if (flags & LAST) this.#end('the server has ended this');
    else if (this.on) this.#send(CREDIT, this.id, round(bytes.length));
  }

  #send(type, id, argument) {
    const view = new DataView(new ArrayBuffer(FRAME));
    view.setUint32(0, FRAME, true);
    view.setUint8(4, type);
    view.setUint32(8, id, true);
    view.setUint32(12, argument, true);
    this.socket.send(view.buffer);
  }
}

function hello() {
  const view = new DataView(new ArrayBuffer(HELLO_SIZE));
  for (let i = 0; i < 8; i++) view.setUint8(i, MAGIC.charCodeAt(i));
  view.setUint16(8, 1, true);
  view.setUint16(10, HELLO, true);
  view.setUint32(12, HELLO_SIZE, true);
  view.setUint32(16, WINDOW, true);
  view.setUint32(20, MESSAGE_MOST, true);
  return view.buffer;
}

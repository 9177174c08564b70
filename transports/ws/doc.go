// Package ws connects two processes by WebSocket, through what speaks only HTTP/1: old proxies, and many a company's. Both
// sides are github.com/coder/websocket.
//
//	dialer                                        server
//	  │ GET /path, Upgrade: websocket,               │
//	  │ Sec-WebSocket-Protocol: corechan.v1 ───────> │ token, Authorize, Origin
//	  │ <──────────────────────────────────────  101 │ or 4xx and a line of text
//	  │ HELLO ─────────────────────────────────────> │ version
//	  │ <────────────────────────────────────  HELLO │ or REFUSE
//	  └─────── frames, in binary messages ───────────┘
//
// A session is one connection. Its binary messages are pieces of one stream of bytes: where one ends means nothing. A close
// frame is the end of what its sender sends. Messages are not compressed.
//
// URLs are wss://host:port/path, and ws://host:port/path without TLS. A server is either this package's Listen, or any
// http.Server with Handler in its mux, behind what else stands there.
package ws

// Transport is the name of this transport.
const Transport = "ws"

// Subprotocol is what both sides announce by Sec-WebSocket-Protocol.
const Subprotocol = "corechan.v1"

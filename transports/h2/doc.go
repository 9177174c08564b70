// Package h2 connects two processes by HTTP/2, through any proxy that carries its streams, as those that carry gRPC do. Both
// sides are net/http's own.
//
//	dialer                                         server
//	  │ POST /path, content-type application/corechan │
//	  │ HELLO ─────────────────────────────────────> │ token, Authorize, version
//	  │ <────────────────── 200, the same type; HELLO │ or 4xx and a line of text; or REFUSE
//	  └── frames in the request's and response's body ┘
//
// A session is one request for as long as it lasts, with a connection of its own on the dialer's side. The end of a body is
// the end of what its sender sends.
//
// URLs are https://host:port/path, and h2c://host:port/path for HTTP/2 without TLS. A server is either this package's Listen,
// or any http.Server that has HTTP/2 with Handler in its mux, behind what else stands there.
package h2

// Transport is the name of this transport.
const Transport = "h2"

// ContentType is that of the request and of the response.
const ContentType = "application/corechan"

// Package httpchan is packages h2 and ws at one URL: HTTP/2 where the dialer and all that is between can, WebSocket where there is
// only HTTP/1.1.
//
//	https://host:port/path    HTTP/2, and by Upgrade, WebSocket
//	h2c://host:port/path      the same without TLS, as behind a proxy that ends it
//
// A dialer of https:// offers HTTP/2 by ALPN. If the other side does not choose it, answers 426, or does not answer for
// as long as Options.HandshakeTimeout, it connects again by WebSocket, to the same host and path. Who wants one of the two alone uses its package, or dials wss:// and ws://.
package httpchan

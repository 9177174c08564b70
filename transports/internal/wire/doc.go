// Package wire makes links of byte streams over sockets, for transports that share no memory: unix, tcp, tls.
//
// Each direction has a ring in this process's own memory, so that sessions work on it as they do on shared memory; the
// frames in it are the bytes on the stream, and system calls move them, many at once:
//
//	session ── Producer ─> ring ─> Outlet ── write ─> socket ─> peer
//	session <─ Consumer ── ring <── Inlet <── read ── socket <─ peer
//
// Nobody is woken to do that. Whoever sends writes: the bell that a producer rings is the write. Whoever waits for a
// message reads: to sleep is to block in the read, on the thread that will run (or, for one that has slept long, on the
// engine's service loop). Only what a full socket does not take is left to that loop.
//
// Writing (out.go) is in one of three states:
//
//	armed    each message is written when it is published
//	holding  many came in a row: they gather in the ring, and are written when it is full, when somebody waits for a
//	         message, or a hundred microseconds later, by the service loop
//	blocked  the socket is full: the service loop, or who sleeps for the session, writes when it is not
//
// Closing: what was published is written, then the stream's own direction is ended, and the socket closed when the peer has
// ended its own, or when nothing has left for 5 s, a minute later at most; before that, unread bytes would have the kernel reset
// the connection and drop what is under way.
package wire

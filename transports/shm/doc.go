// Package shm connects two processes of one machine by shared memory: each writes a sealed segment that the other maps
// read-only, and a Unix stream socket between them carries the doorbell, descriptors, and the news of a peer's death.
//
//	dialer                                listener
//	  │ connect                              │
//	  │ HELLO, its segment ────────────────> │ peer's uid, seals, size, header
//	  │ <──────────────── HELLO, its segment │ or REFUSE, a text
//	  │ seals, size, header                  │
//	  └───────────── frames in the rings ────┘
//
// An address is a path of at most 107 bytes, or an abstract name after an '@'. Nothing is left behind by a peer that dies but,
// for a path, its socket file, which the next listener replaces.
package shm

// Transport is the name of this transport: the scheme of its URLs.
const Transport = "shm"

// Package atomics holds the one memory operation that sync/atomic has no name for: a store with release order and no
// more than that.
//
// sync/atomic's stores are sequentially consistent. On amd64 that makes each of them an XCHG, which waits until every
// earlier store of this core has reached the cache (Intel SDM vol. 3, 9.2.2): tens of nanoseconds when the lines
// belong to another core. Publishing a ring position needs only release order, which a plain MOV has on amd64.
// Where a full fence is needed too (publish, then look whether the peer sleeps), the caller gets it from the locked
// instruction it executes anyway, and says so there.
package atomics

// Package pump makes a link of any full-duplex stream of bytes: for transports whose library has the descriptor, so that
// there is nothing to poll.
//
// A link's two rings lie in this process, and in the peer's place is the pump. One goroutine, the reader, reads from the
// stream straight into the ring that the session reads; another, the writer, takes what the session has published, as much as
// lies in one piece, and writes it. Where the library fetches what it sends, its calls of Pump.Read are the writer.
//
//	session                     pump                 stream
//	  Producer ──> outgoing ring ──> Outlet, writer ──> Write, or the library's calls of Read
//	  Consumer <── incoming ring <── Inlet, reader <─── Read
//	  Bell     <──────────────────> wakes whoever waits
//
// What travels are the records as they stand in the ring, one behind the other: a frame's length, u32 little-endian, at
// least 16 and at most the reader's ring; the frame; what fills it up to a multiple of 8.
//
// # The end
//
//	the session ends          what it published is still written, then CloseWrite; what comes meanwhile is thrown away
//	the stream ends           the session learns that its peer is gone, behind what came; CloseWrite
//	the stream fails          the same, but Abort instead of CloseWrite
//	a length is no frame's    the session finds it in the ring, behind what came, and refuses it; Abort
//
// All that takes Linger at most; then, or when reader and writer are done, comes Abort. The memory is freed when the session
// is done with it too.
package pump

// Package dash is a web page that says which core lost its time to what: the figures of package probe, and the sessions and channels of
// this machine's processes, live and recorded. `corechan dash` serves it; a program can mount it in a server of its own.
//
//	p, err := probe.Start(probe.Config{})
//	...
//	d, err := dash.New(dash.Config{Probe: p})
//	...
//	mux.Handle("/debug/dash/", http.StripPrefix("/debug/dash", d))
//	...
//	err = d.Close()
//
// # What is served
//
//	GET  /           the page, and beside it its scripts and styles: all of it is in the binary, and nothing is fetched from elsewhere
//	GET  /session    by WebSocket: a session of this project's own, see below
//	GET  /recording  what is kept, as a file that the page opens
//	POST /login      a form with the token; the answer sets a cookie
//
// # What travels
//
// A page dials a session (PROTOCOL.md, section 15). The server opens one channel on it, "dash", with codec JSON: first an [About], then
// each [Sample] that is kept, then each as it is taken. The page grants credit, and says nothing else. A page that comes back says in the
// URL what it has, ?run=RUN&after=SEQ, and is spared that.
//
// A recording is the same messages, one a line. An About may come in the middle: what follows it was counted by another run.
//
// # What it holds
//
// One goroutine takes a sample at each interval, and encodes it once. What is kept of them is bounded by number and by bytes
// ([Config].Keep, MaxKeptBytes). A viewer has no queue: it has a place in what is kept, which moves on as its page takes more. So one that reads
// slowly misses what has gone meanwhile, which its page shows as a gap, and one that takes nothing for 10 s is dropped, with its
// address in the log and in what others see.
//
// # Who may look
//
// Without a token only who connects from this machine. Names that requests ask for (Host) must be addresses, localhost, or one of
// Config.Hosts, so that no page of another site reaches it by a name that it has made point here; a session's Origin must be the
// page's own.
package dash

// Package netpoll runs a loop per core: one OS thread that waits for descriptors, timers, posted functions and sources
// in memory, and runs their callbacks to completion. A loop may also be a goroutine without a thread of its own
// ([Config.Unlocked]); what is said of its thread here is true of the goroutine then.
//
//	l, err := netpoll.New(&netpoll.Config{Pinned: true, Core: 3})
//	reg, err := l.Register(conn, netpoll.In, netpoll.HandlerFunc(func(ev netpoll.Events) (again bool) { ... }))
//	err = l.Post(func() { ... })
//	t := l.AfterFunc(time.Second, func() { ... })
//	src, err := l.AddPoller(ring)
//	defer l.Close()
//
// # Who runs what
//
// Every callback of a loop (Handler.Ready, Poller.Poll, Arm and Disarm, timers, posted functions) runs on the loop's
// thread, one at a time, to completion. So callbacks of one loop need no lock between them, and a callback that
// blocks stops all of them: it must not wait for another goroutine, do file I/O or sleep. It must not call
// runtime.Goexit either, which is what testing.T.FailNow does: the loop ends, and Close says why.
//
// All methods may be called from any goroutine, callbacks included, unless their documentation says otherwise.
//
// # A turn
//
//  1. if due, look at epoll and note what is ready; run timers that are due, at most Budget
//  2. call the handlers that are ready, each once
//  3. run posted functions, at most Budget
//  4. poll every poller, each for at most Budget items
//  5. if anything was done, or the loop spins: next turn
//  6. note "asleep", then look once more at posts and pollers (Poller.Arm); if there is something: next turn
//  7. epoll_wait until there is an event, a timer is due, or another goroutine wakes the loop
//
// While work is found in memory, epoll is looked at once in 64 empty turns or 64 items, and after every turn that
// called a handler. That, and that the ready list and epoll's own list are both served in order, is what keeps a busy
// source from starving the rest: between two calls of one handler every other ready handler is called once.
//
// # Sleep and wake
//
// Both sides of the hand-over write first and look second, so one of them sees the other; the labels stand in the code:
//
//	loop:  asleep = true (S1), then look for work (S2), then sleep
//	waker: publish work (W1), then look at asleep (W2); if set, clear it and write to the loop's eventfd
//
// One sleep costs its wakers one write altogether, and an awake loop costs them none. The eventfd is registered
// edge-triggered and never read.
//
// # Pollers and doorbells
//
// A [Poller] is a source that can be asked without a system call, such as a ring in shared memory. It is asked in
// every turn. Before the loop sleeps it arms the poller, which then has to see to it that the loop is woken: by an
// eventfd that is registered with the loop, or by [Loop.Wake] within the process. A doorbell is such an eventfd,
// registered with In|Edge; nobody needs to read it. With [Loop.AddPollerDoorbell] the loop registers it and, when the
// poller has been idle for a while, arms it and asks no more until it rings, so thousands of idle rings cost nothing
// while one is busy.
//
// # Spinning
//
// [Config.Wait] says what a loop does with nothing to do. A spinning goroutine takes a whole P of the Go scheduler, so
// loops spin only while they leave at least one P to the rest of the process: loops of a [Group] count together,
// loops made by [New] each on its own. A loop that may not spin acts as with [Block]; with GOMAXPROCS=1 none spins.
//
// # Errors
//
// What the caller may test for is [ErrOutsideCpuset], [ErrQueueFull], [os.ErrClosed], [fd.ErrExhausted] where descriptors
// have run out, and errno values of the kernel ([syscall.Errno]). System calls' errors come inside an [*OpError].
// ErrQueueFull and os.ErrClosed come bare from Post and Close, which are met in normal work. EINTR never reaches the
// caller.
package netpoll

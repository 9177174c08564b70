// Package fd owns file descriptors and passes them between processes.
//
// It is the lowest layer: sealed memory that a peer may map without trusting its owner, Unix sockets that carry
// descriptors, and what the kernel says about who is at the other end. Every blocking call here blocks its own
// thread; nothing starts a goroutine, logs, or keeps state between calls other than in the values it returns.
//
// # Ownership
//
// An [*FD] has one owner, and its owner closes it. A function that returns an *FD makes the caller its owner; a
// function that takes an *FD or a plain int borrows it for the length of the call. Descriptors that arrive in a
// message are owned by the caller of [Receiver.Recv], or have been closed by the time it returns: there is no third
// case. There are no finalizers, so a forgotten descriptor stays open; package fdtest finds those in tests.
//
// All descriptors made or received here are close-on-exec from the start, so none leaks into a child by a race.
//
// # Go values
//
// [Of] makes a descriptor of a file, connection or listener, to be sent, and its receiver makes such a value of it again:
// [FD.Kind] says which of [FD.File], [FD.Conn], [FD.PacketConn] and [FD.Listener] fits. What two processes share
// then is the open file description, with its offset, options and mode; each function says what that means for the other.
//
// # Numbers
//
// A descriptor's number is free for reuse as soon as it is closed. Whoever uses the number that [FD.Int] returned
// has to keep others from closing the FD meanwhile. To end a blocked call, use [Shutdown], wait for the call to
// return, and close then; [Listener.Close] does all of that.
//
// # Errors
//
// What the package itself decides is a sentinel, such as [ErrUnsealed]; what the kernel said is a [syscall.Errno].
// Both come inside an [*OpError] and answer to [errors.Is]. Three errors come bare where callers meet them in normal
// work: [io.EOF]; [syscall.EAGAIN] from a call that was asked not to block; and [os.ErrClosed] from what takes an FD
// away (Close, Disown, File) and from a [Listener]. EINTR never reaches the caller.
package fd

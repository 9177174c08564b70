package fd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/corechan/corechan/fd"
)

// A file is sent to a peer, which becomes the owner of a descriptor of its own.
func Example() {
	a, b, err := fd.Socketpair()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()

	// One end sends the pipe's write end, and keeps none.
	if _, err := fd.SendMsg(a.Int(), []byte("a pipe"), []int{int(w.Fd())}, 0); err != nil {
		fmt.Println(err)
		return
	}
	w.Close()

	// The other end receives it, and writes to it.
	var recv fd.Receiver
	buf := make([]byte, 100)
	n, fds, err := recv.Recv(b.Int(), buf, 0)
	if err != nil || len(fds) != 1 {
		fmt.Println(len(fds), err)
		return
	}
	file, err := fds[0].File("the pipe")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintf(file, "received %s", buf[:n])
	file.Close()

	n, _ = r.Read(buf)
	fmt.Println(string(buf[:n]))
	// Output: received a pipe
}

// A peer's memory is checked before it is mapped.
func ExampleCheckSegment() {
	f, err := fd.Memfd("example", 4096, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	// Its owner maps it writable here, by mmap(2), before it seals it.

	_, err = fd.CheckSegment(f, 4096)
	fmt.Println(err)

	if err := f.AddSeals(fd.SealsSegment); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fd.CheckSegment(f, 4096))

	_, err = fd.CheckSegment(f, 8192)
	fmt.Println(errors.Is(err, fd.ErrTooSmall), err)
	// Output:
	// fd: check segment: memfd is not sealed: SEAL|SHRINK|GROW|FUTURE_WRITE missing
	// 4096 <nil>
	// true fd: check segment: memfd is too small: 4096 bytes, need 8192
}

func ExampleListen() {
	addr := fmt.Sprintf("@example-%d", os.Getpid())
	l, err := fd.Listen(addr, 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	_, err = fd.Listen(addr, 16)
	fmt.Println(errors.Is(err, fd.ErrInUse))

	client, err := fd.DialUnix(context.Background(), addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	cred, err := fd.PeerCred(server.Int())
	fmt.Println(cred.PID == os.Getpid(), err)
	// Output:
	// true
	// true <nil>
}

// A listener goes to another owner, with the connections that wait, and its giver stops listening.
func ExampleOf() {
	giver, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := net.Dial("tcp", giver.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	// What is sent is a duplicate: see SendMsg and Receiver for the way to another process.
	f, err := fd.Of(giver)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close() // does nothing once f is a listener
	giver.Close()

	fmt.Println(f.Kind())
	_, err = f.Conn()
	fmt.Println(err)
	receiver, err := f.Listener()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer receiver.Close()
	conn, err := receiver.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(conn, "welcome")
	conn.Close()
	said, err := io.ReadAll(client)
	fmt.Printf("%s %v\n", said, err)
	// Output:
	// a listener <nil>
	// fd: make a connection: descriptor of another kind: it is a listener: use File, or what fits Kind
	// welcome <nil>
}

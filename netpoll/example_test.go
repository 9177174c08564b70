package netpoll_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/netpoll"
)

// A loop that echoes what it reads from one end of a socket.
func Example() {
	loop, err := netpoll.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	_ = unix.SetNonblock(ends[0], true)

	buf := make([]byte, 1024)
	reg, err := loop.Register(ends[0], netpoll.In|netpoll.RDHup, netpoll.HandlerFunc(func(netpoll.Events) (again bool) {
		n, err := unix.Read(ends[0], buf)
		if err == nil {
			_, _ = unix.Write(ends[0], buf[:n])
		}
		return false // level-triggered: epoll says if there is more
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()

	_, _ = unix.Write(ends[1], []byte("hello"))
	answer := make([]byte, 5)
	_, _ = unix.Read(ends[1], answer)
	fmt.Printf("%s\n", answer)
	// Output: hello
}

// A timer of a loop, set and set again by functions on the loop's thread.
func ExampleLoop_AfterFunc() {
	loop, err := netpoll.New(&netpoll.Config{Wait: netpoll.Block})
	if err != nil {
		log.Fatal(err)
	}
	var t *netpoll.Timer
	n := 0
	_ = loop.Post(func() {
		t = loop.AfterFunc(time.Millisecond, func() {
			fmt.Println("tick", n)
			if n++; n < 3 {
				t.Reset(time.Millisecond)
				return
			}
			_ = loop.Close()
		})
	})
	<-loop.Done()
	// Output:
	// tick 0
	// tick 1
	// tick 2
}

func ExampleParseCores() {
	cores, err := netpoll.ParseCores("0-3,6")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cores.List(), cores.Len(), cores.Contains(5))

	allowed, _ := netpoll.ParseCores("0-1")
	var ce *netpoll.CoresError
	if err := cores.Check(allowed); errors.As(err, &ce) {
		fmt.Println("not allowed:", ce.Outside)
	}
	// Output:
	// [0 1 2 3 6] 5 false
	// not allowed: 2-3,6
}

package ring_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/corechan/corechan/ring"
)

// A queue from one process to another: each makes a segment, sends its descriptor, and opens the peer's. Here both are
// this process.
func Example() {
	alice, forBob, err := ring.Create("alice", nil)
	if err != nil {
		panic(err)
	}
	defer alice.Close()
	bob, forAlice, err := ring.Create("bob", &ring.Options{HeaderOnly: true}) // receives only
	if err != nil {
		panic(err)
	}
	defer bob.Close()

	bobSeen, err := ring.Open(forAlice, 0, false)
	if err != nil {
		panic(err)
	}
	defer bobSeen.Close()
	forAlice.Close()
	aliceSeen, err := ring.Open(forBob, 0, false)
	if err != nil {
		panic(err)
	}
	defer aliceSeen.Close()
	forBob.Close()

	// In Alice's process.
	p := ring.NewProducer(alice, bobSeen)
	for _, text := range []string{"one", "two", "three"} {
		b, err := p.Reserve(4 + len(text)) // the length is part of a record
		if err != nil {
			panic(err)
		}
		copy(b[4:], text)
		p.Commit(len(b))
	}
	p.Publish()

	// In Bob's.
	c := ring.NewConsumer(bob, aliceSeen)
	for {
		b, err := c.Next()
		if errors.Is(err, ring.ErrEmpty) {
			break
		}
		if err != nil {
			panic(err) // Alice is broken or hostile
		}
		fmt.Printf("%d bytes: %s\n", binary.LittleEndian.Uint32(b), b[4:])
	}
	c.Release()
	// Output:
	// 7 bytes: one
	// 7 bytes: two
	// 9 bytes: three
}

// A record is only there once it is published, and its space is only free once it is released.
func Example_full() {
	s, err := ring.NewHeap(&ring.Options{Capacity: 1 << 16})
	if err != nil {
		panic(err)
	}
	p, c := ring.NewProducer(s, s), ring.NewConsumer(s, s) // within one process one segment can be both
	send := func() error {
		_, err := p.Reserve(1 << 16)
		if err == nil {
			p.Commit(1 << 16)
		}
		return err
	}
	receive := func() error {
		_, err := c.Next()
		return err
	}
	fmt.Println(send())
	fmt.Println(receive())
	p.Publish()
	fmt.Println(receive())
	fmt.Println(send())
	c.Release()
	fmt.Println(send())
	// Output:
	// <nil>
	// ring empty
	// <nil>
	// ring full
	// <nil>
}

// Command none has what the other programs have beside their system; its size is what to subtract from theirs.
package main

import (
	"os"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/services/book"
)

func main() {
	book.Main(os.Args[1:], 1, func() (peer.Peer, error) { return nil, peer.Cannot("this program serves nothing") })
}

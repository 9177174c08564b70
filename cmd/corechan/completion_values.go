package main

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/auto"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/unix"
)

// completionTime is how long a completion may wait for the peer that it asks.
const completionTime = time.Second

// served returns the methods, and the services if those are wanted too, of the process at the URL that was given.
func (c *completer) served(services bool) (found []candidate) {
	if len(c.given) == 0 {
		return nil
	}
	sess, all, err := servicesAt(c.app.ctx, c.given[0], completionTime)
	if err != nil {
		return nil
	}
	defer sess.Close()
	for i := range all {
		if services {
			found = append(found, candidate{all[i].Name, all[i].Doc})
		}
		for _, m := range all[i].Methods {
			found = append(found, candidate{all[i].Name + "." + m.Name, m.Doc})
		}
	}
	return found
}

// urls returns the beginnings of URLs, and those of this machine's sockets that somebody listens on.
func urls() (found []candidate) {
	sockets := listening()
	for _, scheme := range transports.Schemes() {
		switch scheme {
		case inmem.Transport: // leads to nobody else
			continue
		case shm.Transport, unix.Transport, auto.Transport:
			for _, s := range sockets {
				found = append(found, candidate{value: scheme + "://" + s})
			}
		}
		found = append(found, candidate{value: scheme + "://"})
	}
	return found
}

// listening returns the paths of the Unix stream sockets that somebody listens on, and abstract names behind an '@', as
// /proc/net/unix has them (proc_net(5)).
func listening() (paths []string) {
	const listens, stream = "00010000", "0001" // __SO_ACCEPTCON, SOCK_STREAM
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		return nil
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		// Num, RefCount, Protocol, Flags, Type, St, Inode, Path
		if w := strings.Fields(s.Text()); len(w) == 8 && w[3] == listens && w[4] == stream {
			paths = append(paths, w[7])
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

package fd

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// control is what the control messages of one received message hold.
type control struct {
	rights    [MaxFDs]int32 // descriptors that the peer sent
	n         int           // how many of rights are set
	pidfd     int32         // from SCM_PIDFD, which comes where SO_PASSPIDFD is set; -1 if none
	malformed bool          // some of the bytes made no sense
}

// parse reads the control messages in oob, as recvmsg(2) writes them; see cmsg(3). It closes nothing. Whatever oob
// holds, it stays within bounds and finds at most MaxFDs descriptors, which is as many as the kernel delivers. (The
// parser in x/sys/unix is not used since it allocates, and panics on rights of a length that is no multiple of 4.)
func (c *control) parse(oob []byte) {
	c.n, c.pidfd, c.malformed = 0, -1, false
	for len(oob) >= cmsgHeader {
		size := binary.NativeEndian.Uint64(oob[0:])
		level := binary.NativeEndian.Uint32(oob[8:])
		kind := binary.NativeEndian.Uint32(oob[12:])
		if size < cmsgHeader || size > uint64(len(oob)) {
			c.malformed = true
			return
		}
		data := oob[cmsgHeader:size]
		switch {
		case level != unix.SOL_SOCKET:
		case kind == unix.SCM_RIGHTS:
			if len(data)%4 != 0 || len(data)/4 > len(c.rights)-c.n {
				c.malformed = true
				return
			}
			for ; len(data) > 0; data = data[4:] {
				c.rights[c.n] = int32(binary.NativeEndian.Uint32(data))
				c.n++
			}
		case kind == unix.SCM_PIDFD && len(data) >= 4:
			c.pidfd = int32(binary.NativeEndian.Uint32(data))
		}
		oob = oob[min((size+7)&^7, uint64(len(oob))):]
	}
}

// take hands every descriptor that the peer sent to a new FD; nil if there are none.
func (c *control) take() []*FD {
	if c.n == 0 {
		return nil
	}
	owned := make([]FD, c.n)
	fds := make([]*FD, c.n)
	for i := range fds {
		owned[i].set(int(c.rights[i]))
		fds[i] = &owned[i]
	}
	c.n = 0
	return fds
}

// closeRest closes every descriptor that was not taken.
func (c *control) closeRest() {
	for _, n := range c.rights[:c.n] {
		New(int(n)).Close()
	}
	if c.pidfd >= 0 {
		New(int(c.pidfd)).Close()
	}
	c.n, c.pidfd = 0, -1
}

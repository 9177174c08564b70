package fd

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Cred is who was at the other end of a Unix socket when it was made: at connect(2) for the client, at listen(2) for
// the server, at socketpair(2) for both. Later changes of user, or a descriptor handed on, do not show.
type Cred struct {
	PID      int    // 0 if the peer's process is not visible in this PID namespace; use [PeerPidfd] rather than this
	UID, GID uint32 // effective, as seen from this user namespace
}

// PeerCred returns the credentials of the peer of a connected Unix socket. The kernel vouches for them. See
// SO_PEERCRED in unix(7).
func PeerCred(sock int) (Cred, error) {
	u, err := retry(func() (*unix.Ucred, error) {
		return unix.GetsockoptUcred(sock, unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return Cred{}, opError("get SO_PEERCRED", "", err)
	}
	return Cred{PID: int(u.Pid), UID: u.Uid, GID: u.Gid}, nil
}

// PeerPidfd returns a descriptor, owned by the caller, for the process that [PeerCred] names. It polls readable when
// that process has exited, and never means another process.
//
// Before Linux 6.5, which brought SO_PEERPIDFD, it opens the PID by pidfd_open(2). That has a race: if the peer has
// exited, and its PID has been given to a new process, the descriptor is for the new one. There, treat it as a
// means to learn of an exit, not as an identity.
//
// A peer that is gone already may give ESRCH. See pidfd_open(2).
func PeerPidfd(sock int) (*FD, error) {
	n, err := retry(func() (int, error) {
		return unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	switch err {
	case nil:
		return New(n), nil
	case unix.ENOPROTOOPT:
		return peerPidfdByPID(sock)
	default:
		return nil, opError("get SO_PEERPIDFD", "", err)
	}
}

func peerPidfdByPID(sock int) (*FD, error) {
	cred, err := PeerCred(sock)
	if err != nil {
		return nil, err
	}
	if cred.PID == 0 {
		err := fmt.Errorf("%w: the peer is in a PID namespace that cannot be seen from here", unix.ESRCH)
		return nil, opError("pidfd_open", "", err)
	}
	n, err := retry(func() (int, error) { return unix.PidfdOpen(cred.PID, 0) })
	if err != nil {
		return nil, opError("pidfd_open", "", err)
	}
	return New(n), nil
}

// PidfdExited reports whether the process of a pidfd has exited; a zombie has. It does not block. A descriptor that
// is not open gives EBADF. See "pidfd" in poll(2) and pidfd_open(2).
func PidfdExited(f *FD) (bool, error) {
	p := []unix.PollFd{{Fd: int32(f.Int()), Events: unix.POLLIN}}
	if p[0].Fd < 0 {
		return false, opError("poll", "", unix.EBADF) // poll skips negative numbers
	}
	if _, err := retry(func() (int, error) { return unix.Poll(p, 0) }); err != nil {
		return false, opError("poll", "", err)
	}
	if p[0].Revents&unix.POLLNVAL != 0 {
		return false, opError("poll", "", unix.EBADF)
	}
	return p[0].Revents != 0, nil
}

package peer

// Entry is a line in the list of what is compared.
type Entry struct {
	Name    string // such as "grpc-go stream"
	Network string // what carries the bytes: shm, unix or tcp
	Ours    bool   // corechan itself
	// Settings say how it is used, in a line, where a choice was made that decides how fast it is.
	Settings string
	// Module is where it comes from, as go.mod has it; empty for the standard library and for corechan.
	Module string
	// Procs, if not nil, gives GOMAXPROCS of both processes; else it is 1, as each has one core.
	Procs func(c Case) int
	// New makes one side.
	New func(c Case) (Peer, error)
	// Command, instead of New, is a program that does the work of both sides, as package worker has it, or an error that says why
	// there is none.
	Command func() (string, error)
	// Args are what that program's arguments begin with.
	Args []string
	// Missing, if not empty, says why it cannot be measured at all.
	Missing string
}

// ID names an entry for commands: it has no spaces.
func (e *Entry) ID() string {
	b := []byte(e.Name + "/" + e.Network)
	for i, c := range b {
		if c == ' ' {
			b[i] = '-'
		}
	}
	return string(b)
}

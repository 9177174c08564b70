package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/rig"
)

// The two processes of a run speak one JSON value a line:
//
//	first process             second process
//	Config              ->
//	                    <-    answer (it listens, at a place)
//	ready               ->
//	                    <-    answer (all sessions are there, and which thread serves them)
//	end                 ->
//	                    <-    answer (everything is closed), then it exits
//
// Should the first process die, the second reads the end of the stream and exits.
type verb string

const (
	ready verb = "ready" // may be asked again
	end   verb = "end"
)

type answer struct {
	Err        string
	Place      place
	PID, TID   int     // of the thread that answers, or will; 0: not known yet
	Step, Last float64 // what environment.Step said on its core before, and at the end
}

const startTimeout = 20 * time.Second

// DefaultCommand starts this executable again, as perf load-peer.
func DefaultCommand() *exec.Cmd {
	// Not os.Executable: its path may lead to another build by now, or nowhere.
	return &exec.Cmd{Path: "/proc/self/exe", Args: []string{os.Args[0], "perf", "load-peer"}}
}

// ServePeer is the whole of the second process: it serves the run that started it, and returns when that is over. Call it where
// Options.Command leads to.
func ServePeer(ctx context.Context) error {
	control, err := rig.Inherit()
	if err != nil {
		return err
	}
	// Ctrl-C reaches every process of the terminal; when to end is for the first one to say.
	signal.Ignore(os.Interrupt)
	var c Config
	if err := control.Receive(&c, time.Now().Add(startTimeout)); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	rig.Quiet(1)
	r, err := newReceiver(ctx, c)
	if err != nil {
		return control.Send(answer{Err: err.Error()})
	}
	if err := control.Send(answer{Place: r.place}); err != nil {
		return err
	}
	for {
		var v verb
		if err := control.Receive(&v, time.Time{}); err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "read a command:", err)
			}
			os.Exit(1)
		}
		a := (&here{r}).do(ctx, v)
		if err := control.Send(a); err != nil || v == end {
			return err
		}
	}
}

// farSide is the receiver as the run has it. It is used by one goroutine.
type farSide interface {
	do(ctx context.Context, v verb) answer
	place() place
	lost() <-chan struct{} // closed when it is gone
	explain(error) error   // says why it is, if it is
	close() error
}

// here is a receiver in this process.
type here struct{ *receiver }

func (h *here) do(ctx context.Context, v verb) (a answer) {
	fail := func(err error) {
		if err != nil {
			a.Err = err.Error()
		}
	}
	a.PID = os.Getpid()
	switch v {
	case ready:
		select {
		case err := <-h.ready:
			fail(err)
			h.ready <- err // for who asks again
		case <-time.After(startTimeout):
			fail(errors.New("the receiver's sessions are not there"))
		}
		a.TID, a.Step = int(h.tid.Load()), h.step
	case end:
		fail(h.receiver.close())
		a.Last = h.last
	}
	return a
}

func (h *here) place() place            { return h.receiver.place }
func (h *here) lost() <-chan struct{}   { return nil }
func (h *here) explain(err error) error { return err }
func (h *here) close() error            { return nil } // end has closed it

// away is one in a process of its own.
type away struct {
	*rig.Process
	at     place
	failed bool
}

func startAway(cmd *exec.Cmd, c *Config) (*away, error) {
	p, err := rig.Spawn(cmd, nil)
	if err != nil {
		return nil, err
	}
	w := &away{Process: p}
	a := w.say(c)
	w.at = a.Place
	if a.Err != "" {
		return nil, errors.Join(errors.New(a.Err), w.close())
	}
	return w, nil
}

// say tells it a value and hears its answer.
func (w *away) say(v any) (a answer) {
	if w.failed {
		return answer{Err: "the second process has failed before"}
	}
	err := w.Tell(v)
	if err == nil {
		err = w.Hear(&a, time.Now().Add(startTimeout+endTimeout))
	}
	if err != nil {
		w.failed = true
		a.Err = err.Error()
	}
	return a
}

func (w *away) do(_ context.Context, v verb) answer { return w.say(v) }
func (w *away) place() place                        { return w.at }
func (w *away) lost() <-chan struct{}               { return w.Gone() }
func (w *away) close() error                        { return w.Process.Close() }

func (w *away) explain(err error) error {
	select {
	case <-w.Gone():
		return w.Explain(err)
	case <-time.After(endTimeout):
		return err
	}
}

// stepped adds to a disturbance of the receiver what it said of its core.
func stepped(d *environment.Disturbance, first, last answer) {
	d.StepBefore, d.StepAfter = first.Step, last.Last
}

package shm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/shm"
)

// The storm: processes that send and receive on a session and a lane, and are killed at any moment. Right after each Send
// a process notes, in memory that outlives it, how far it is; at least that far the survivor must get.

// Where the numbers of what was committed are in the memory.
const (
	noteSession = 0
	noteLane    = 8
	noteLost    = 16 // set if the process itself saw something wrong
)

// numbered is a message of some length that says which one it is.
func numbered(buf engine.Raw, n uint64) engine.Raw {
	buf = binary.LittleEndian.AppendUint64(buf[:0], n)
	for range n * 7 % 150 {
		buf = append(buf, byte(n))
	}
	return buf
}

// readNumbered receives numbered messages until the end and returns how many came without a gap.
func readNumbered(ctx context.Context, r engine.Receiver[engine.Raw]) (n uint64, err error) {
	var want engine.Raw
	for m, err := range r.All(ctx) {
		if err != nil {
			return n, err
		}
		if want = numbered(want, n+1); string(*m) != string(want) {
			return n, fmt.Errorf("%w: %q after %d", errGap, *m, n)
		}
		n++
	}
	return n, errors.New("a clean end")
}

var errGap = errors.New("out of order")

// sendNumbered sends numbered messages until something gives, and notes each.
func sendNumbered(ctx context.Context, s engine.Sender[engine.Raw], note func(n uint64)) error {
	var m engine.Raw
	for n := uint64(1); ; n++ {
		m = numbered(m, n)
		if err := s.Send(ctx, &m); err != nil {
			return err
		}
		note(n)
	}
}

// childStream dials ADDR, says there who it is, ID, and streams both ways until it is killed. DEAF: it does not receive.
func childStream(*childSide) error {
	ctx := context.Background()
	notes, err := syscall.Mmap(3, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	note := func(word int) func(uint64) {
		return func(n uint64) { binary.LittleEndian.PutUint64(notes[word:], n) }
	}
	s, err := shm.Dial(ctx, os.Getenv("ADDR"), &shm.Options{
		Engine: must(engine.New(engine.Config{Wait: waitOf()})), HandshakeTimeout: patience,
	})
	if err != nil {
		return err
	}
	ended := make(chan error)
	send := func(out engine.Sender[engine.Raw], err error, word int) {
		id := engine.Raw(os.Getenv("ID"))
		if err == nil {
			err = out.Send(ctx, &id)
		}
		if err == nil {
			err = sendNumbered(ctx, out, note(word))
		}
		ended <- err
	}
	go func() {
		out, err := engine.Open[engine.Raw](ctx, s, "up")
		send(out, err, noteSession)
	}()
	go func() {
		out, err := engine.OpenLane[engine.Raw](ctx, s, "up lane", nil)
		send(out, err, noteLane)
	}()
	if os.Getenv("DEAF") == "" {
		for _, name := range []string{"down", "down lane"} {
			go func() {
				in, err := engine.Accept[engine.Raw](ctx, s, name)
				if err == nil {
					_, err = readNumbered(ctx, in)
				}
				ended <- err
			}()
		}
	}
	err = <-ended // only killed, or if something is wrong
	note(noteLost)(1)
	return err
}

// A survivor is what is left of a session to such a process.
type survivor struct {
	session, lane received
	errs          []error // why its four channels ended
}

// received is what came on one channel: which process sent it, if that came, and how much.
type received struct {
	from string
	n    uint64
}

func survive(ctx context.Context, s *engine.Session) (v survivor) {
	defer s.Close()
	var all sync.WaitGroup
	errs := make(chan error, 4)
	receive := func(name string, got *received) {
		in, err := engine.Accept[engine.Raw](ctx, s, name)
		var first engine.Raw
		if err == nil {
			err = in.Receive(ctx, &first)
		}
		if err == nil {
			got.from = string(first)
			got.n, err = readNumbered(ctx, in)
		}
		errs <- err
	}
	all.Go(func() { receive("up", &v.session) })
	all.Go(func() { receive("up lane", &v.lane) })
	all.Go(func() {
		out, err := engine.Open[engine.Raw](ctx, s, "down")
		if err == nil {
			err = sendNumbered(ctx, out, func(uint64) {})
		}
		errs <- err
	})
	all.Go(func() {
		out, err := engine.OpenLane[engine.Raw](ctx, s, "down lane", nil)
		if err == nil {
			err = sendNumbered(ctx, out, func(uint64) {})
		}
		errs <- err
	})
	all.Wait()
	close(errs)
	for err := range errs {
		v.errs = append(v.errs, err)
	}
	return v
}

// A victim is one of those processes.
type victim struct {
	session, lane uint64 // what it noted
	gaveUp        bool
}

func TestAStormOfDeathsLosesNothingThatWasCommittedAndLeavesNothingBehind(t *testing.T) {
	deaths := 150
	if os.Getenv("CORECHAN_SOAK") != "" {
		deaths = 10_000
	}
	residue(t)
	ctx := context.Background()
	eng := newEngine(t, engine.Config{})
	addr := address()
	ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: eng, HandshakeTimeout: patience}))
	defer ln.Close()

	server := serve(t, address(), shm.Options{}, engine.Config{})
	neighbour := dial(t, trimScheme(server.ln.Addr()), &shm.Options{Engine: eng})

	var mu sync.Mutex
	victims := make([]victim, deaths)
	var survivors []survivor
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for s, err := range ln.Sessions(ctx) {
			if err != nil {
				t.Error(err)
				return
			}
			handlers.Go(func() {
				v := survive(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				survivors = append(survivors, v)
			})
		}
	})

	begun := time.Now()
	left := make(chan int, deaths)
	for i := range deaths {
		left <- i
	}
	close(left)
	dead := make(chan struct{}, deaths) // a value for each
	var killers sync.WaitGroup
	for range 16 {
		killers.Go(func() {
			for i := range left {
				var err error
				if victims[i], err = kill(t, addr, i); err != nil {
					t.Errorf("death %d: %v", i, err)
					return
				}
				dead <- struct{}{}
			}
		})
	}
	go func() {
		killers.Wait()
		close(dead)
	}()
	for range dead {
		neighbour.goesOn(t)
	}
	_ = ln.Close()
	over := make(chan struct{})
	go func() {
		handlers.Wait()
		close(over)
	}()
	within(t, "the survivors", over)
	took := time.Since(begun)
	neighbour.goesOn(t)

	var messages uint64
	session, lane := map[string]uint64{}, map[string]uint64{}
	for _, s := range survivors {
		session[s.session.from] += s.session.n
		lane[s.lane.from] += s.lane.n
		messages += s.session.n + s.lane.n
		for _, err := range s.errs {
			if !errors.Is(err, engine.ErrPeerGone) {
				t.Errorf("%+v: %v, want %v", s, err, engine.ErrPeerGone)
			}
		}
	}
	for i, v := range victims {
		if v.gaveUp {
			t.Errorf("process %d gave up by itself", i)
		}
		if id := strconv.Itoa(i); session[id] < v.session || lane[id] < v.lane {
			t.Errorf("process %d committed %d messages on its session and %d on its lane; %d and %d came",
				i, v.session, v.lane, session[id], lane[id])
		}
	}
	t.Logf("%d deaths in %v, %.0f a second; %d sessions, %d messages", deaths, took.Round(time.Millisecond),
		float64(deaths)/took.Seconds(), len(survivors), messages)
}

// kill starts a process that streams and kills it at some moment.
func kill(t *testing.T, addr string, i int) (v victim, err error) {
	memory, err := fd.Memfd("notes", 4096, nil)
	if err != nil {
		return v, err
	}
	file := must(memory.File("notes"))
	defer file.Close()
	notes := must(syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED))
	defer syscall.Munmap(notes)
	at := func(word int) uint64 { return binary.LittleEndian.Uint64(notes[word:]) }

	env := []string{"ADDR=" + addr, "ID=" + strconv.Itoa(i), "WAIT=" + strconv.Itoa(int([]engine.Wait{engine.Hybrid, engine.Block}[i%2])), "GOMAXPROCS=2"}
	if i%5 == 4 {
		env = append(env, "DEAF=1")
	}
	cmd := childCommand(t, "stream", env...)
	cmd.ExtraFiles = []*os.File{file}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return v, err
	}
	if i%4 == 0 {
		// Somewhere between its first instruction and its first messages.
		<-time.After(time.Duration(rand.IntN(30_000)) * time.Microsecond)
	} else {
		want := rand.Uint64N(1 << rand.IntN(12))
		if !poll(func() bool { return at(noteSession)+at(noteLane) >= want || at(noteLost) != 0 }) {
			err = fmt.Errorf("it has not sent %d messages", want)
		}
	}
	_ = cmd.Process.Kill()
	var exit *exec.ExitError
	if werr := cmd.Wait(); !errors.As(werr, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		err = errors.Join(err, fmt.Errorf("it ended by itself: %w: %s", werr, said.String()))
	}
	return victim{at(noteSession), at(noteLane), at(noteLost) != 0}, err
}

// What a peer sent before its death is there to be received long after it, also by who begins only then.
func TestWhatADeadPeerHadSentIsReceivedLater(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	addr := address()
	ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: newEngine(t, engine.Config{})}))
	defer ln.Close()
	c := startChild(t, "dial", "ADDR="+addr)
	go func() { fmt.Fprintln(c.in, "leave 1000") }()
	s := must(ln.Accept(ctx))
	defer s.Close()
	lane := must(engine.Accept[engine.Raw](ctx, s, "lane")) // a lane is only there if it was taken
	if said := c.hear(); said != "ok" {
		t.Fatal(said)
	}
	c.kill()
	<-s.Done()
	check := func(r engine.Receiver[engine.Raw]) {
		t.Helper()
		if n, err := readNumbered(ctx, r); n != 1000 || !errors.Is(err, engine.ErrPeerGone) {
			t.Errorf("%d messages, then %v; want 1000 and %v", n, err, engine.ErrPeerGone)
		}
	}
	check(must(engine.Accept[engine.Raw](ctx, s, "session")))
	check(lane)
	if _, err := engine.Open[engine.Raw](ctx, s, "x"); !errors.Is(err, engine.ErrPeerGone) {
		t.Errorf("Open to a dead peer: %v", err)
	}
	if _, err := engine.OpenLane[engine.Raw](ctx, s, "x", nil); !errors.Is(err, engine.ErrPeerGone) {
		t.Errorf("OpenLane to a dead peer: %v", err)
	}
	if _, err := engine.Accept[engine.Raw](ctx, s, "x"); !errors.Is(err, engine.ErrPeerGone) {
		t.Errorf("Accept of a dead peer: %v", err)
	}
}

// leave sends n messages on a session and a lane, and returns without a word.
func leave(ctx context.Context, addr string, n uint64) error {
	s, err := shm.Dial(ctx, addr, nil)
	if err != nil {
		return err
	}
	out := must(engine.Open[engine.Raw](ctx, s, "session"))
	lane := must(engine.OpenLane[engine.Raw](ctx, s, "lane", nil))
	var m engine.Raw
	for i := range n {
		m = numbered(m, i+1)
		if err := out.Send(ctx, &m); err != nil {
			return err
		}
		if err := lane.Send(ctx, &m); err != nil {
			return err
		}
	}
	return nil
}

// A session whose peer has died and that nobody uses is freed by its Close.
func TestASessionOfADeadPeerIsFreedByClose(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	addr := address()
	ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: newEngine(t, engine.Config{})}))
	defer ln.Close()
	for range 3 {
		snap := fdtest.Open(t)
		before := mappings(t)
		c := startChild(t, "dial", "ADDR="+addr)
		go func() { fmt.Fprintln(c.in, "leave 10") }()
		s := must(ln.Accept(ctx))
		must(engine.Accept[engine.Raw](ctx, s, "lane"))
		_ = c.hear()
		c.kill()
		<-s.Done()
		_ = s.Close()
		eventually(t, "all is freed", func() bool { return mappings(t) == before && len(fdtest.Open(t)) <= len(snap)+4 })
	}
}

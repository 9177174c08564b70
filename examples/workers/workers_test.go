package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corechan/corechan/examples/internal/extest"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports"
)

// stuckEnv makes this executable a worker that says which job it has got, and never does it.
const stuckEnv = "CORECHAN_WORKERS_STUCK"

func TestMain(m *testing.M) {
	if url := os.Getenv(stuckEnv); url != "" {
		err := work(context.Background(), url, "stuck", func(ctx context.Context, path string) (string, error) {
			fmt.Println("began", path)
			<-ctx.Done()
			return "", ctx.Err()
		})
		fmt.Println(err)
		return
	}
	extest.Main(m, main)
}

// write makes files, and returns their names and what is to be printed about them.
func write(t *testing.T, n int) (paths, want []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, i*1000), 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := checksum(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		paths, want = append(paths, path), append(want, sum+"  "+path)
	}
	return paths, want
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWorkersRegisterAndDoTheJobs(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	paths, want := write(t, 50)
	a := extest.Start(t, "work", "--connect", url, "--name", "a") // before the dispatcher
	d := extest.Start(t, append([]string{"dispatch", "--listen", url}, paths...)...)
	b := extest.Start(t, "work", "--connect", url, "--name", "b")
	got := d.Rest()
	d.End(0)
	a.Kill() // one of them may have come too late, and waits for the next dispatcher
	b.Kill()
	checkLines(t, got, want)
}

func TestTheJobOfAKilledWorkerIsGivenToAnother(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	paths, want := write(t, 1)
	d := extest.Start(t, append([]string{"dispatch", "--listen", url}, paths...)...)
	cmd := extest.Command()
	cmd.Env = append(cmd.Env, stuckEnv+"="+url)
	stuck := extest.StartCommand(t, cmd)
	stuck.Expect("began " + paths[0])
	stuck.Kill()
	w := extest.Start(t, "work", "--connect", url, "--name", "b")
	got := d.Rest()
	d.End(0)
	w.End(0)
	checkLines(t, got, want)
	for _, line := range []string{"stuck is lost: ", "b did " + paths[0]} {
		if !strings.Contains(d.Stderr(), line) {
			t.Errorf("%q is not in %q", line, d.Stderr())
		}
	}
}

func TestAJobThatKillsItsWorkersIsGivenUp(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	paths, _ := write(t, 1)
	d := extest.Start(t, append([]string{"dispatch", "--listen", url}, paths...)...)
	for range maxAttempts {
		cmd := extest.Command()
		cmd.Env = append(cmd.Env, stuckEnv+"="+url)
		stuck := extest.StartCommand(t, cmd)
		stuck.Expect("began " + paths[0])
		stuck.Kill()
	}
	d.End(1)
	if want := "given up after 3 workers"; !strings.Contains(d.Stderr(), want) {
		t.Errorf("%q is not in %q", want, d.Stderr())
	}
}

func TestAFailingJobIsToldAndNotRepeated(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	d := extest.Start(t, "dispatch", "--listen", url, "/no/such/file")
	w := extest.Start(t, "work", "--connect", url, "--name", "a")
	d.End(1)
	w.End(0)
	if want := "/no/such/file: open /no/such/file: no such file or directory\n"; !strings.Contains(d.Stderr(), want) {
		t.Errorf("%q is not in %q", want, d.Stderr())
	}
}

func TestAWorkerHearsThatTheDispatcherDied(t *testing.T) {
	fdtest.Snapshot(t)
	url := "shm://@workers-" + fmt.Sprint(os.Getpid())
	paths, _ := write(t, 1)
	d := extest.Start(t, "dispatch", "--listen", url, paths[0])
	cmd := extest.Command()
	cmd.Env = append(cmd.Env, stuckEnv+"="+url)
	stuck := extest.StartCommand(t, cmd)
	stuck.Expect("began " + paths[0])
	d.Kill()
	stuck.Expect("the dispatcher died; start it and this worker again: peer is gone")
	stuck.End(0)
}

// Each round ends only when all workers have a job at the same time.
func TestJobsAreSharedOut(t *testing.T) {
	fdtest.Snapshot(t)
	const workers, rounds = 3, 20
	ctx := extest.Context(t)
	ln, err := transports.Listen(ctx, "inmem://workers", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := newDispatcher(io.Discard)
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	met := sync.NewCond(&mu)
	begun := 0
	done := make([]int, workers)
	for i := range workers {
		all.Go(func() {
			err := work(ctx, "inmem://workers", fmt.Sprint(i), func(context.Context, string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				done[i]++
				begun++
				met.Broadcast()
				for round := (begun - 1) / workers; begun < (round+1)*workers; {
					met.Wait()
				}
				return fmt.Sprint(i), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	n := 0
	for o := range d.do(ctx, make([]string, workers*rounds)) {
		if n++; o.err != nil {
			t.Error(o.err)
		}
	}
	all.Wait()
	if n != workers*rounds {
		t.Errorf("%d outcomes", n)
	}
	for _, n := range done {
		if n != rounds {
			t.Errorf("the workers did %v, each should have done %d", done, rounds)
		}
	}
}

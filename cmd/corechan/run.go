package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/corechan/corechan/internal/prepare"
	"github.com/corechan/corechan/perf/rig"
)

// Exit codes of run where there is no command to have one, as shells have them.
const (
	exitCannotRun exitStatus = 126
	exitNotFound  exitStatus = 127
)

type runCmd struct {
	Core     string   `placeholder:"LIST" help:"The cores to run on, such as 2 or 2-3."`
	Sched    string   `placeholder:"POLICY" help:"How to be scheduled: fifo or rr (real time), batch, idle or other."`
	Priority int      `placeholder:"N" help:"Of fifo and rr: 1 to 99. Default: 10."`
	Mlock    bool     `help:"Let the command lock its memory, as much as it likes."`
	NUMA     bool     `name:"numa" help:"Take memory from the node that the cores belong to, while it has any."`
	Awake    bool     `help:"Keep all cores out of deep sleep while the command lives."`
	Strict   bool     `help:"Do not start the command if anything could not be done."`
	Quiet    bool     `short:"q" help:"Say only what could not be done."`
	Command  []string `arg:"" passthrough:"" help:"The command and its arguments."`
}

// Help is the long help.
func (runCmd) Help() string {
	return `Becomes the command, prepared: there is no process in between, so signals, exit code and descriptors are the command's own.
What was done, and what could not be and which privilege it needs, is said on standard error; then the command starts all the same, but
with --strict.

A Go program counts the cores that it may run on, and sets GOMAXPROCS to that: with one core it has one place to run goroutines, in which
corechan never spins. Give it two cores, or set GOMAXPROCS=2, if its receivers are to spin.

Memory locks do not outlive the start of a program (mlockall(2)): --mlock raises the limit, and the command locks by itself.

A real-time thread that polls takes its core from everything else, the kernel's own threads included. Use --sched fifo on cores that
nothing else needs.

Exit codes: the command's own; before it has started 126 (it cannot be run), 127 (there is no such command), 2 (wrong usage), 1 (--strict,
and something could not be done).

Examples:

  corechan run --core 2-3 -- ./server
  corechan run --core 2,3 --sched fifo --awake --strict -- ./server --port 7000
  corechan run --core 2-3 --numa --mlock -- corechan perf pingpong`
}

// Run becomes the command. It returns only if that has not started.
func (r *runCmd) Run(a *app) error {
	command := r.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return fmt.Errorf("run: %w: no command is given; write it after --", errUsage)
	}
	plan := prepare.Plan{Policy: r.Sched, Priority: r.Priority, Lock: r.Mlock, NUMA: r.NUMA, Awake: r.Awake}
	if r.Core != "" {
		cores, err := rig.ParseCores(r.Core)
		if err != nil {
			return wrongPlan(err)
		}
		plan.Cores = cores
	}
	machine, err := rig.ThisMachine()
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if err := plan.Check(machine); err != nil {
		return wrongPlan(err)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		fmt.Fprintf(a.stderr, "corechan: run: %v\n", err)
		if errors.Is(err, os.ErrPermission) {
			return exitCannotRun
		}
		return exitNotFound
	}
	runtime.LockOSThread() // what is prepared is this thread
	if failed := r.tell(a, plan.Apply()); failed > 0 && r.Strict {
		return fmt.Errorf("run: %d of what was asked for could not be done, and with --strict the command does not start", failed)
	}
	err = syscall.Exec(path, command, os.Environ())
	fmt.Fprintf(a.stderr, "corechan: run %s: %v\n", path, err)
	return exitCannotRun
}

// wrongPlan is a wrong usage of run, which measures nothing.
func wrongPlan(err error) error {
	return fmt.Errorf("run: %w: %s", errUsage, strings.TrimPrefix(err.Error(), rig.ErrConfig.Error()+": "))
}

// tell says what was done, and counts what was not.
func (r *runCmd) tell(a *app, steps []prepare.Step) (failed int) {
	for _, s := range steps {
		word := "done"
		if !s.Done {
			failed++
			word = "not done"
		}
		if r.Quiet && s.Done {
			continue
		}
		fmt.Fprintf(a.stderr, "corechan: run: %s: %s", word, s.What)
		if s.Why != "" {
			fmt.Fprintf(a.stderr, "; %s", s.Why)
		}
		fmt.Fprintln(a.stderr)
	}
	return failed
}

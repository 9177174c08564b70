// Command cost measures what attached probes cost a ping-pong: it runs "corechan perf pingpong" without probes, with probes that
// follow its two processes, and with probes that follow every process, in turn, and prints the median of each.
//
//	go build -o bin/ ./cmd/corechan && go run ./perf/probe/internal/cost
//
// With -wait bare it does so with an eventfd ping-pong of its own, in short slices; with -programs it prints what each program takes of
// one.
//
// It takes root, or CAP_BPF and CAP_PERFMON.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// The ways to run, in the order of each round.
const (
	without = "without"
	follow  = "following"
	all     = "all"
)

func main() {
	corechan := flag.String("corechan", "bin/corechan", "the program to run")
	wait := flag.String("wait", "block", "spin or block; bare: an eventfd ping-pong of two threads, in place of corechan")
	rounds := flag.Int("rounds", 5, "how often to run each way")
	seconds := flag.Float64("seconds", 0.4, "how long to measure each time")
	groups := flag.String("groups", "", "comma-separated; none: the default groups")
	each := flag.String("programs", "", "following or all: what each program in the kernel takes of a round trip of -wait bare, in place of the whole")
	flag.Parse()
	if err := run(*corechan, *wait, *rounds, *seconds, *groups, *each); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(corechan, wait string, rounds int, seconds float64, groups, each string) error {
	config := probe.Config{}
	if groups != "" {
		for name := range strings.SplitSeq(groups, ",") {
			config.Groups = append(config.Groups, probe.Group(name))
		}
	}
	if each != "" {
		return programs(rounds, config, each)
	}
	if wait == "bare" {
		return bare(rounds, config)
	}
	p50 := map[string][]float64{}
	for range rounds {
		for _, way := range []string{without, follow, all} {
			ns, err := pingpong(corechan, wait, seconds, way, config)
			if err != nil {
				return err
			}
			p50[way] = append(p50[way], ns)
		}
	}
	print(p50)
	return nil
}

// pingpong runs one measurement and returns its median round trip.
func pingpong(corechan, wait string, seconds float64, way string, config probe.Config) (float64, error) {
	var out bytes.Buffer
	cmd := exec.Command(corechan, "perf", "pingpong", "--json", "--wait", wait, "--seconds", strconv.FormatFloat(seconds, 'f', -1, 64))
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	p, err := attach(cmd.Process.Pid, way, config)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return 0, err
	}
	err = cmd.Wait()
	if p != nil {
		err = errors.Join(err, p.Close())
	}
	if err != nil {
		return 0, err
	}
	var report struct {
		P50 float64 `json:"p50_ns"`
	}
	return report.P50, json.Unmarshal(out.Bytes(), &report)
}

func attach(pid int, way string, config probe.Config) (*probe.Probe, error) {
	switch way {
	case without:
		return nil, nil
	case follow:
		child, err := childOf(pid)
		if err != nil {
			return nil, err
		}
		config.PIDs = []int{pid, child}
	}
	p, err := probe.Start(config)
	if way == follow && errors.Is(err, probe.ErrNoProcess) {
		return attach(pid, way, config) // a child of its start, not its second process
	}
	if err != nil {
		return nil, err
	}
	for _, s := range p.Status() {
		if s.State == probe.Failed {
			p.Close()
			return nil, fmt.Errorf("%s: %s", s.Group, s.Why)
		}
	}
	return p, nil
}

// childOf waits until a process has a child, and returns that.
func childOf(pid int) (int, error) {
	for range 1000 {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, file := range files {
			b, _ := os.ReadFile(file)
			if fields := strings.Fields(string(b)); len(fields) > 0 {
				return strconv.Atoi(fields[0])
			}
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("process %d has no child", pid)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

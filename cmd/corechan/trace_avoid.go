package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf"
)

// avoidPinnedCores takes this process off the cores that threads of the followed processes are pinned to, as far as that leaves any. What cannot
// be found out or done is left as it is: it is a courtesy.
func avoidPinnedCores(pids []int) {
	var mine unix.CPUSet
	if unix.SchedGetaffinity(0, &mine) != nil {
		return
	}
	for _, pid := range pids {
		for _, core := range pinnedCores(pid) {
			mine.Clear(core)
		}
	}
	if mine.Count() == 0 || len(pids) == 0 {
		return
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks { // threads made later inherit it
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			unix.SchedSetaffinity(tid, &mine)
		}
	}
}

// pinnedCores returns the cores that some thread of a process may run on alone.
func pinnedCores(pid int) (cores []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(b)) {
			list, found := strings.CutPrefix(line, "Cpus_allowed_list:")
			if !found {
				continue
			}
			if allowed, err := perf.ParseCores(strings.TrimSpace(list)); err == nil && len(allowed) == 1 {
				cores = append(cores, allowed[0])
			}
		}
	}
	return cores
}

package doctor

import (
	"path"
	"strings"
)

const cgroupRoot = "sys/fs/cgroup"

// cgroupDirs lists where the limits of a controller may stand for this process: its own
// group first, then those above it. A container often sees the path that its group has
// outside, which is not there inside; the root is what holds its limits then.
func (h *Host) cgroupDirs(controller string) (dirs []string, v2 bool, err error) {
	s, err := h.text("proc/self/cgroup")
	if err != nil {
		return nil, false, err
	}
	_, err = h.text(cgroupRoot + "/cgroup.controllers")
	v2 = err == nil
	root := cgroupRoot
	if !v2 {
		root += "/" + controller
	}
	own := "/"
	for line := range strings.Lines(s) {
		// "4:memory:/a/b" in version 1, "0::/a/b" in version 2
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if v2 && parts[0] == "0" || !v2 && hasController(parts[1], controller) {
			own = path.Clean("/" + parts[2])
		}
	}
	for p := own; ; p = path.Dir(p) {
		dirs = append(dirs, path.Clean(root+p))
		if p == "/" {
			return dirs, v2, nil
		}
	}
}

func hasController(list, controller string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == controller {
			return true
		}
	}
	return false
}

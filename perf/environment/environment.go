package environment

import "time"

// Environment is what a result was measured on. Its JSON names are part of the format of results; fields may be added. What the
// machine does not tell is empty.
type Environment struct {
	Time    time.Time `json:"time"`              // when it was read
	Command []string  `json:"command,omitempty"` // what was run, its name without the path

	Kernel        string `json:"kernel"`         // release
	KernelCommand string `json:"kernel_command"` // the kernel's own command line
	Arch          string `json:"arch"`           // as Go names it
	CPU           string `json:"cpu"`            // model
	Hypervisor    string `json:"hypervisor"`     // "none" on bare metal
	MemoryBytes   int64  `json:"memory_bytes"`

	Cores       string `json:"cores"`        // allowed to this process, of those that are online
	Quota       string `json:"quota"`        // of the control group
	Siblings    string `json:"siblings"`     // which cores share a physical one
	NUMA        string `json:"numa"`         // nodes
	Isolated    string `json:"isolated"`     // cores that the scheduler leaves alone
	NoTick      string `json:"nohz_full"`    // cores without a tick
	NoCallbacks string `json:"rcu_nocbs"`    // cores without RCU's callbacks
	Governor    string `json:"governor"`     // of the cores' clock rates
	Turbo       string `json:"turbo"`        //
	ClockSource string `json:"clock_source"` //

	GOMAXPROCS int    `json:"gomaxprocs"`
	Go         string `json:"go"`      // version that built this
	Version    string `json:"version"` // of corechan
	Commit     string `json:"commit"`  // of the main module, if it was built from a repository
	Modified   bool   `json:"modified"`
}

//go:build unix && !linux

package tools

import (
	"os/exec"
	"syscall"
	"time"
)

func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func keepThread() (release func()) { return func() {} }

// limit can do nothing: these systems let a process bound itself only.
func limit(*exec.Cmd, int64, time.Duration) {}

func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

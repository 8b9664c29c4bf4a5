//go:build !unix

package tools

import (
	"os/exec"
	"time"
)

func isolate(*exec.Cmd) {}

func keepThread() (release func()) { return func() {} }

func limit(*exec.Cmd, int64, time.Duration) {}

func terminateGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

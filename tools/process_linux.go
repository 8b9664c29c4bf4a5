package tools

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// isolate gives a program a process group, and has the kernel end it when the gateway ends, however it does.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// keepThread keeps the goroutine on its thread until the returned function is called.
func keepThread() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// limit bounds the memory and the processor time of each of a program's processes. It leaves no core dumps, which
// would have its secrets.
func limit(cmd *exec.Cmd, memory int64, processor time.Duration) {
	set := func(resource int, most uint64) {
		// A limit of our own that is lower stays: the error says so, and nothing is to be done about it.
		_ = unix.Prlimit(cmd.Process.Pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
	set(unix.RLIMIT_DATA, uint64(memory))
	set(unix.RLIMIT_CPU, uint64(processor/time.Second))
	set(unix.RLIMIT_CORE, 0)
}

func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

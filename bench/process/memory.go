package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// samplePause is the time between two looks at a process's memory.
const samplePause = 50 * time.Millisecond

// Memory returns how many bytes of physical memory the process has at the moment (VmRSS, so on Linux only).
func (p *Process) Memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return resident(status)
}

// PeakDuring returns the largest Memory that was seen while work was being done.
func (p *Process) PeakDuring(ctx context.Context, work func(context.Context) error) (int64, error) {
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	pause := time.NewTicker(samplePause)
	defer pause.Stop()
	var peak int64
	for {
		var ended bool
		var failed error
		select {
		case failed = <-done:
			ended = true
		case <-pause.C:
		}
		now, err := p.Memory()
		peak = max(peak, now)
		if ended {
			return peak, errors.Join(failed, err)
		}
	}
}

// resident finds VmRSS in the text of /proc/PID/status, where it is in units of 1024 bytes.
func resident(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		value, found := bytes.CutPrefix(line, []byte("VmRSS:"))
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read VmRSS: %w", err)
		}
		return kilobytes << 10, nil
	}
	return 0, errors.New("the process has no memory: it has ended")
}
